package io.sluice.bpf.object;

import io.sluice.bpf.isa.RejectedException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** An ELF file of 64 bits, little-endian, for EM_BPF: sections, symbols and relocations. */
final class Elf {
  static final int SHT_PROGBITS = 1;
  static final int SHT_NOBITS = 8;

  static final int STT_OBJECT = 1;
  static final int STT_FUNC = 2;
  static final int STT_SECTION = 3;

  private static final int HEADER_BYTES = 64;
  private static final int SECTION_BYTES = 64;
  private static final int SYMBOL_BYTES = 24;
  private static final int RELOCATION_BYTES = 16;
  private static final int SHT_SYMTAB = 2;
  private static final int SHT_RELA = 4;
  private static final int SHT_REL = 9;
  private static final int SHF_EXECINSTR = 4;
  private static final int EM_BPF = 247;
  private static final int ET_REL = 1;

  private final List<Section> sections = new ArrayList<>();
  private final List<Symbol> symbols = new ArrayList<>();
  private final Map<Integer, Map<Integer, Relocation>> relocations = new HashMap<>();

  /**
   * @param bytes empty where the file has none (SHT_NOBITS)
   * @param size in memory
   */
  record Section(
      int index,
      String name,
      int type,
      boolean isCode,
      int link,
      int info,
      long size,
      Bytes bytes) {}

  /**
   * @param section its index; 0 of an extern
   */
  record Symbol(String name, int type, boolean isGlobal, int section, long value, long size) {}

  record Relocation(int type, Symbol symbol) {}

  Elf(byte[] file) throws RejectedException {
    Bytes all = new Bytes(file, "the file");
    if (file.length < HEADER_BYTES || all.intAt(0) != 0x464c457f) {
      throw new RejectedException("no ELF file: compile it with clang -target bpf -c");
    }
    if (all.byteAt(4) != 2 || all.byteAt(5) != 1) {
      throw new RejectedException(
          "a file of 32 bits or big endian: compile it with clang -target bpfel -c");
    }
    int machine = all.shortAt(18);
    if (machine != EM_BPF) {
      throw new RejectedException(
          "a file for machine %d, not for BPF (247): compile it with clang -target bpf -c"
              .formatted(machine));
    }
    if (all.shortAt(16) != ET_REL) {
      throw new RejectedException("no relocatable file: compile it with clang -target bpf -c");
    }
    readSections(all);
    readSymbols();
    readRelocations();
  }

  private void readSections(Bytes all) throws RejectedException {
    long table = all.longAt(40);
    int count = all.shortAt(60);
    int namesAt = all.shortAt(62);
    if (all.shortAt(58) != SECTION_BYTES) {
      throw new RejectedException("section headers of a size that isn't 64: the file is damaged");
    }
    Bytes headers = all.part(table, (long) count * SECTION_BYTES, "the section headers");
    if (namesAt >= count) {
      throw new RejectedException("the section of names is missing: the file is damaged");
    }
    Bytes names = contents(all, headers, namesAt, "the names of sections");
    for (int i = 0; i < count; i++) {
      long at = (long) i * SECTION_BYTES;
      String name = i == 0 ? "" : names.textAt(headers.intAt(at) & 0xffff_ffffL);
      int type = headers.intAt(at + 4);
      sections.add(
          new Section(
              i,
              name,
              type,
              (headers.longAt(at + 8) & SHF_EXECINSTR) != 0,
              headers.intAt(at + 40),
              headers.intAt(at + 44),
              headers.longAt(at + 32),
              type == SHT_NOBITS || i == 0
                  ? all.part(0, 0, name)
                  : contents(all, headers, i, "section " + name)));
    }
  }

  private static Bytes contents(Bytes all, Bytes headers, int index, String what)
      throws RejectedException {
    long at = (long) index * SECTION_BYTES;
    return all.part(headers.longAt(at + 24), headers.longAt(at + 32), what);
  }

  private void readSymbols() throws RejectedException {
    for (Section table : sections) {
      if (table.type != SHT_SYMTAB) {
        continue;
      }
      Bytes names = section(table.link).bytes;
      for (long at = 0; at + SYMBOL_BYTES <= table.bytes.length(); at += SYMBOL_BYTES) {
        int info = table.bytes.byteAt(at + 4);
        symbols.add(
            new Symbol(
                names.textAt(table.bytes.intAt(at) & 0xffff_ffffL),
                info & 0xf,
                info >> 4 == 1,
                table.bytes.shortAt(at + 6),
                table.bytes.longAt(at + 8),
                table.bytes.longAt(at + 16)));
      }
      return;
    }
  }

  private void readRelocations() throws RejectedException {
    for (Section table : sections) {
      if (table.type == SHT_RELA) {
        throw new RejectedException(
            "section %s: relocations with addends, which BPF has none of".formatted(table.name));
      }
      if (table.type != SHT_REL) {
        continue;
      }
      Map<Integer, Relocation> of = relocations.computeIfAbsent(table.info, _ -> new HashMap<>());
      for (long at = 0; at + RELOCATION_BYTES <= table.bytes.length(); at += RELOCATION_BYTES) {
        long info = table.bytes.longAt(at + 8);
        int symbol = (int) (info >>> 32);
        if (symbol < 0 || symbol >= symbols.size()) {
          throw new RejectedException(
              "section %s: no symbol %d: the file is damaged".formatted(table.name, symbol));
        }
        of.put((int) table.bytes.longAt(at), new Relocation((int) info, symbols.get(symbol)));
      }
    }
  }

  List<Section> sections() {
    return sections;
  }

  List<Symbol> symbols() {
    return symbols;
  }

  /** The section with an index. */
  Section section(int index) throws RejectedException {
    if (index < 0 || index >= sections.size()) {
      throw new RejectedException("no section " + index + ": the file is damaged");
    }
    return sections.get(index);
  }

  /** The first section with a name; null if there is none. */
  @Nullable Section section(String name) {
    return sections.stream().filter(it -> it.name.equals(name)).findFirst().orElse(null);
  }

  /** What a place in a section refers to; null if to nothing. */
  @Nullable Relocation relocation(int section, long offset) {
    return relocationsOf(section).get((int) offset);
  }

  Map<Integer, Relocation> relocationsOf(int section) {
    return relocations.getOrDefault(section, Map.of());
  }
}
