package io.sluice.bpf.object;

import io.sluice.bpf.isa.Disassembler;
import io.sluice.bpf.isa.Opcode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A program with all of its functions, the first of which it begins with, and what it refers to.
 * Immutable.
 */
public final class LinkedProgram {
  private final String name;
  private final String section;
  private final long[] words;
  private final NavigableMap<Integer, String> functions;
  private final Map<Integer, Reference> references;
  private final NavigableMap<Integer, Source> lines;

  /** A line of source text. */
  public record Source(String file, int line, String text) {
    @Override
    public String toString() {
      return file.substring(file.lastIndexOf('/') + 1) + ":" + line;
    }
  }

  /**
   * @param words its instructions
   * @param functions names of functions by the index of their first instruction; 0 is among them
   * @param references by the index of a 64-bit load
   * @param lines by the index of the first instruction of each
   */
  public LinkedProgram(
      String name,
      String section,
      long[] words,
      Map<Integer, String> functions,
      Map<Integer, Reference> references,
      Map<Integer, Source> lines) {
    this.name = name;
    this.section = section;
    this.words = words.clone();
    this.functions = new TreeMap<>(functions);
    this.references = Map.copyOf(references);
    this.lines = new TreeMap<>(lines);
  }

  /** A program of one function without references. */
  public static LinkedProgram of(String name, String section, long[] words) {
    return new LinkedProgram(name, section, words, Map.of(0, name), Map.of(), Map.of());
  }

  public String name() {
    return name;
  }

  public String section() {
    return section;
  }

  /** How many words its instructions take. */
  public int length() {
    return words.length;
  }

  public long word(int index) {
    return words[index];
  }

  /** Names of functions by the index of their first instruction. */
  public NavigableMap<Integer, String> functions() {
    return Collections.unmodifiableNavigableMap(functions);
  }

  /** The index behind the last instruction of the function that starts at an index. */
  public int endOf(int function) {
    Integer next = functions.higherKey(function);
    return next == null ? words.length : next;
  }

  public @Nullable Reference reference(int index) {
    return references.get(index);
  }

  /** The maps that it refers to. */
  public Set<MapSpec> maps() {
    Set<MapSpec> maps = new LinkedHashSet<>();
    new TreeMap<>(references)
        .values()
        .forEach(it -> {
          switch (it) {
            case Reference.ToMap map -> maps.add(map.map());
            case Reference.ToValue value -> maps.add(value.map());
            case Reference.ToFunction _ -> {}
          }
        });
    return maps;
  }

  /** The source line that an instruction comes from; null if the object doesn't say. */
  public @Nullable Source source(int index) {
    Integer function = functions.floorKey(index);
    Map.Entry<Integer, Source> found = lines.floorEntry(index);
    return found == null || function != null && found.getKey() < function ? null : found.getValue();
  }

  /** An instruction as text. */
  public String text(int index) {
    return switch (references.get(index)) {
      case null -> Disassembler.text(words, index);
      case Reference.ToMap map -> "r%d = map[%s]".formatted(words[index] >>> 8 & 15, map.map());
      case Reference.ToValue value ->
          "r%d = &%s[%d]".formatted(words[index] >>> 8 & 15, value.map(), value.offset());
      case Reference.ToFunction function ->
          "r%d = func[%s]".formatted(words[index] >>> 8 & 15, functions.get(function.start()));
    };
  }

  /** All instructions, a line each, with functions and source lines where they are known. */
  public List<String> listing() {
    List<String> out = new ArrayList<>();
    for (int i = 0; i < words.length; i++) {
      if (functions.containsKey(i)) {
        out.add(functions.get(i) + ":");
      }
      Source source = lines.get(i);
      if (source != null) {
        out.add("; " + source.text().strip() + "  @ " + source);
      }
      out.add("%5d: %s".formatted(i, text(i)));
      if ((words[i] & 0xff) == Opcode.LDDW) {
        i++;
      }
    }
    return out;
  }

  @Override
  public String toString() {
    return section + " " + name + " " + Arrays.toString(words);
  }
}
