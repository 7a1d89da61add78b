package io.sluice.bpf.object;

import io.sluice.bpf.isa.RejectedException;
import java.util.HashMap;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/** The section .BTF.ext: source lines, and CO-RE relocations, by section and instruction. */
final class BtfExtension {
  private static final int MAGIC = 0xeb9f;
  private static final int SHORTEST_WITH_RELOCATIONS = 32;

  private final Btf btf;
  private final Map<String, NavigableMap<Integer, LinkedProgram.Source>> lines = new HashMap<>();
  private final Map<String, NavigableMap<Integer, FieldRelocation>> relocations = new HashMap<>();

  /**
   * What an instruction has to be adapted to, on the machine where it runs.
   *
   * @param kind 0–5 a field, 6–9 a type, 10–11 a value of an enumeration
   */
  record FieldRelocation(int typeId, int kind) {}

  private interface Row {
    void read(String section, int instruction, Bytes row) throws RejectedException;
  }

  BtfExtension(Bytes section, Btf btf) throws RejectedException {
    this.btf = btf;
    if (section.shortAt(0) != MAGIC) {
      throw new RejectedException("section .BTF.ext has no BTF of this byte order");
    }
    long header = section.intAt(4) & 0xffff_ffffL;
    read(
        section.part(
            header + section.intAt(16), section.intAt(20) & 0xffff_ffffL, "the lines of .BTF.ext"),
        this::line);
    if (header >= SHORTEST_WITH_RELOCATIONS) {
      read(
          section.part(
              header + section.intAt(24),
              section.intAt(28) & 0xffff_ffffL,
              "the relocations of .BTF.ext"),
          this::relocation);
    }
  }

  private void read(Bytes table, Row row) throws RejectedException {
    if (table.length() == 0) {
      return;
    }
    int size = table.intAt(0);
    if (size < 16 || size > 4096) {
      throw new RejectedException("section .BTF.ext: rows of %d bytes".formatted(size));
    }
    long at = 4;
    while (at < table.length()) {
      String section = btf.text(table.intAt(at));
      long count = table.intAt(at + 4) & 0xffff_ffffL;
      at += 8;
      for (long i = 0; i < count; i++, at += size) {
        Bytes bytes = table.part(at, size, "a row of .BTF.ext");
        row.read(section, bytes.intAt(0) / Long.BYTES, bytes);
      }
    }
  }

  private void line(String section, int instruction, Bytes row) throws RejectedException {
    lines
        .computeIfAbsent(section, _ -> new TreeMap<>())
        .put(
            instruction,
            new LinkedProgram.Source(
                btf.text(row.intAt(4)), row.intAt(12) >>> 10, btf.text(row.intAt(8))));
  }

  private void relocation(String section, int instruction, Bytes row) throws RejectedException {
    relocations
        .computeIfAbsent(section, _ -> new TreeMap<>())
        .put(instruction, new FieldRelocation(row.intAt(4), row.intAt(12)));
  }

  /** Source lines of a section's instructions. */
  NavigableMap<Integer, LinkedProgram.Source> lines(String section) {
    return lines.getOrDefault(section, new TreeMap<>());
  }

  /** CO-RE relocations of a section's instructions. */
  NavigableMap<Integer, FieldRelocation> relocations(String section) {
    return relocations.getOrDefault(section, new TreeMap<>());
  }
}
