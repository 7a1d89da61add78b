package io.sluice.bpf.object;

import io.sluice.bpf.isa.RejectedException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What clang makes of a C file: programs, maps and globals. Programs are linked one by one, so that
 * what is wrong with one, or with a map of it, is no matter of the others.
 */
public final class ObjectFile {
  private static final int MAX_FILE_BYTES = 64 << 20;

  private final Elf elf;
  private final @Nullable Btf btf;
  private final @Nullable BtfExtension extension;
  private final MapReader maps;
  private final String license;
  private final List<Function> functions = new ArrayList<>();

  /**
   * A function: of a section of programs, a program.
   *
   * @param start the index of its first instruction in its section
   * @param length how many words it takes
   */
  record Function(String name, Elf.Section section, int start, int length, boolean isGlobal) {
    boolean isProgram() {
      return isGlobal && length > 0 && !section.name().equals(".text");
    }
  }

  /** A program that is in the file. */
  public record Entry(String name, String section) {}

  private ObjectFile(byte[] file) throws RejectedException {
    this.elf = new Elf(file);
    Elf.Section types = elf.section(".BTF");
    this.btf = types == null ? null : new Btf(types.bytes());
    Elf.Section extended = elf.section(".BTF.ext");
    this.extension =
        extended == null || btf == null ? null : new BtfExtension(extended.bytes(), btf);
    this.maps = new MapReader(elf, btf);
    Elf.Section licensed = elf.section("license");
    this.license =
        licensed == null
            ? ""
            : new String(licensed.bytes().copy(), StandardCharsets.UTF_8).replace("\0", "");
    for (Elf.Symbol symbol : elf.symbols()) {
      if (symbol.type() == Elf.STT_FUNC && symbol.section() < elf.sections().size()) {
        addFunction(symbol);
      }
    }
  }

  private void addFunction(Elf.Symbol symbol) throws RejectedException {
    Elf.Section section = elf.section(symbol.section());
    Bytes code = section.bytes().part(symbol.value(), symbol.size(), "function " + symbol.name());
    if (symbol.value() % Long.BYTES != 0 || code.length() % Long.BYTES != 0) {
      throw new RejectedException(
          "function %s begins or ends inside of an instruction".formatted(symbol.name()));
    }
    functions.add(
        new Function(
            symbol.name(),
            section,
            (int) symbol.value() / Long.BYTES,
            code.length() / Long.BYTES,
            symbol.isGlobal() && section.isCode()));
  }

  /**
   * Reads a file.
   *
   * @throws RejectedException with what is wrong with it
   */
  public static ObjectFile read(byte[] file) throws RejectedException {
    if (file.length > MAX_FILE_BYTES) {
      throw new RejectedException(
          "a file of %d MiB; at most %d are taken"
              .formatted(file.length >> 20, MAX_FILE_BYTES >> 20));
    }
    return new ObjectFile(file);
  }

  /** The programs in it, of whichever type. */
  public List<Entry> programs() {
    return functions.stream()
        .filter(Function::isProgram)
        .map(it -> new Entry(it.name, it.section.name()))
        .toList();
  }

  /** All maps by name; globals are maps under the name of their section. */
  public Map<String, MapSpec> maps() {
    return maps.maps();
  }

  /** Its types; null if it was compiled without. */
  public @Nullable Btf btf() {
    return btf;
  }

  /** What the section {@code license} says; empty if it isn't there. */
  public String license() {
    return license;
  }

  /**
   * A program by its name, with all that it calls.
   *
   * @throws RejectedException if there is none, or it can't be linked
   */
  public LinkedProgram program(String name) throws RejectedException {
    Function found =
        functions.stream()
            .filter(it -> it.isProgram() && it.name.equals(name))
            .findFirst()
            .orElse(null);
    if (found == null) {
      throw new RejectedException(
          "there is no program %s; there is %s".formatted(name, listed(programs())));
    }
    return link(found);
  }

  /**
   * The only program of a section.
   *
   * @throws RejectedException if there is none or are several, or it can't be linked
   */
  public LinkedProgram programOf(String section) throws RejectedException {
    List<Function> found =
        functions.stream()
            .filter(it -> it.isProgram() && it.section.name().equals(section))
            .toList();
    if (found.size() != 1) {
      throw new RejectedException(
          "section %s has %s; there is %s"
              .formatted(
                  section,
                  found.isEmpty() ? "no program" : found.size() + " programs: name one",
                  listed(programs())));
    }
    return link(found.getFirst());
  }

  private static String listed(List<Entry> programs) {
    return programs.isEmpty()
        ? "none"
        : String.join(
            ", ", programs.stream().map(it -> it.name + " (" + it.section + ")").toList());
  }

  private LinkedProgram link(Function function) throws RejectedException {
    return new Linker(elf, btf, extension, maps, functions).link(function);
  }

  /**
   * Sets a {@code const volatile} global before the programs are linked.
   *
   * @throws RejectedException if there is no such global, or the number doesn't fit
   */
  public void set(String name, BigInteger value) throws RejectedException {
    for (Elf.Symbol symbol : elf.symbols()) {
      if (symbol.type() != Elf.STT_OBJECT || !symbol.name().equals(name)) {
        continue;
      }
      Elf.Section section = elf.section(symbol.section());
      MapSpec map = maps.maps().get(section.name());
      byte[] contents = map == null ? null : map.contents();
      if (contents == null) {
        continue;
      }
      int size = (int) symbol.size();
      boolean isNumber = size == 1 || size == 2 || size == 4 || size == 8;
      if (!isNumber || symbol.value() < 0 || symbol.value() > contents.length - size) {
        throw new RejectedException(
            "%s has %d bytes; a number of 1, 2, 4 or 8 can be set".formatted(name, symbol.size()));
      }
      if (value.bitLength() > size * 8 || value.signum() < 0 && value.bitLength() >= size * 8) {
        throw new RejectedException(
            "%s has %d bytes, which %s doesn't fit in".formatted(name, size, value));
      }
      for (int i = 0; i < size; i++) {
        contents[(int) symbol.value() + i] = value.shiftRight(i * 8).byteValue();
      }
      return;
    }
    throw new RejectedException(
        "there is no global %s; there is %s".formatted(name, listedGlobals()));
  }

  private String listedGlobals() {
    List<String> names =
        elf.symbols().stream()
            .filter(it -> it.type() == Elf.STT_OBJECT && it.section() < elf.sections().size())
            .filter(it -> MapReader.isGlobals(elf.sections().get(it.section()).name()))
            .map(Elf.Symbol::name)
            .sorted()
            .toList();
    return names.isEmpty() ? "none" : String.join(", ", names);
  }

  /** What a map of maps, or a program array, is filled with at first: maps by slot. */
  public Map<Integer, MapSpec> initialMaps(MapSpec map) throws RejectedException {
    Map<Integer, MapSpec> initial = new TreeMap<>();
    for (MapSpec.Initial it : map.initials()) {
      MapSpec inner = maps.maps().get(it.name());
      if (inner == null) {
        throw new RejectedException(
            "map %s holds %s at first, which is no map".formatted(map, it.name()));
      }
      initial.put(it.index(), inner);
    }
    return initial;
  }
}
