package io.sluice.bpf.object;

import io.sluice.bpf.isa.Instruction;
import io.sluice.bpf.isa.Opcode;
import io.sluice.bpf.isa.RejectedException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Puts one program and all functions that it calls, or takes the address of, behind each other, and
 * resolves what they refer to, as libbpf does.
 */
final class Linker {
  /** More than any program of ours has; the kernel looks at a million in one go. */
  static final int MAX_INSTRUCTIONS = 1 << 16;

  /**
   * Types whose layout is the kernel's interface, and so the same wherever a program is compiled:
   * their CO-RE relocations are right as they are.
   */
  private static final Set<String> STABLE =
      Set.of(
          "bpf_sk_lookup",
          "bpf_sock",
          "bpf_sock_tuple",
          "sk_reuseport_md",
          "__sk_buff",
          "sk_msg_md",
          "iphdr",
          "ipv6hdr",
          "tcphdr",
          "udphdr",
          "ethhdr",
          "in6_addr");

  private static final int TYPE_ID_LOCAL = 6;

  private final Elf elf;
  private final @Nullable Btf btf;
  private final @Nullable BtfExtension extension;
  private final MapReader maps;
  private final List<ObjectFile.Function> functions;

  private final List<Long> words = new ArrayList<>();
  private final Map<ObjectFile.Function, Integer> starts = new LinkedHashMap<>();
  private final List<ObjectFile.Function> order = new ArrayList<>();
  private final Map<Integer, Reference> references = new HashMap<>();
  private final Map<Integer, ObjectFile.Function> calls = new LinkedHashMap<>();
  private final Map<Integer, ObjectFile.Function> callbacks = new LinkedHashMap<>();
  private final Map<Integer, LinkedProgram.Source> lines = new TreeMap<>();

  Linker(
      Elf elf,
      @Nullable Btf btf,
      @Nullable BtfExtension extension,
      MapReader maps,
      List<ObjectFile.Function> functions) {
    this.elf = elf;
    this.btf = btf;
    this.extension = extension;
    this.maps = maps;
    this.functions = functions;
  }

  LinkedProgram link(ObjectFile.Function main) throws RejectedException {
    order.add(main);
    for (int i = 0; i < order.size(); i++) { // grows while it goes
      append(order.get(i));
    }
    long[] linked = words.stream().mapToLong(Long::longValue).toArray();
    calls.forEach((index, callee) -> {
      int distance = start(callee) - index - 1;
      linked[index] =
          Instruction.of(Opcode.JMP | Opcode.CALL, 0, Opcode.CALL_LOCAL, 0, distance).word();
    });
    callbacks.forEach(
        (index, callee) -> references.put(index, new Reference.ToFunction(start(callee))));
    Map<Integer, String> names = new TreeMap<>();
    starts.forEach((function, start) -> names.put(start, function.name()));
    return new LinkedProgram(main.name(), main.section().name(), linked, names, references, lines);
  }

  private int start(ObjectFile.Function function) {
    return Objects.requireNonNull(starts.get(function));
  }

  private void append(ObjectFile.Function function) throws RejectedException {
    int base = words.size();
    starts.put(function, base);
    if (base + function.length() > MAX_INSTRUCTIONS) {
      throw new RejectedException(
          "the program has more than %d instructions with all that it calls"
              .formatted(MAX_INSTRUCTIONS));
    }
    String section = function.section().name();
    checkRelocations(function);
    if (extension != null) {
      extension
          .lines(section)
          .subMap(function.start(), function.start() + function.length())
          .forEach((at, line) -> lines.put(base + at - function.start(), line));
    }
    Bytes code = function.section().bytes();
    for (int i = 0; i < function.length(); i++) {
      long at = (long) (function.start() + i) * Long.BYTES;
      Instruction it = new Instruction(code.longAt(at));
      Elf.Relocation relocation = elf.relocation(function.section().index(), at);
      try {
        if (it.isLoadOf64Bits() && relocation != null) {
          address(words.size(), it, relocation.symbol());
        } else if (it.isCall() && (it.source() == Opcode.CALL_LOCAL || relocation != null)) {
          call(function, function.start() + i, it, relocation);
        }
      } catch (RejectedException wrong) {
        throw at(function, function.start() + i, wrong);
      }
      words.add(it.word());
      if (it.isLoadOf64Bits() && i + 1 < function.length()) {
        i++;
        words.add(code.longAt(at + Long.BYTES));
      }
    }
  }

  private RejectedException at(
      ObjectFile.Function function, int instruction, RejectedException wrong) {
    Map.Entry<Integer, LinkedProgram.Source> line =
        extension == null
            ? null
            : extension.lines(function.section().name()).floorEntry(instruction);
    return new RejectedException(
        "function %s, instruction %d%s: %s"
            .formatted(
                function.name(),
                instruction - function.start(),
                line == null ? "" : " at " + line.getValue(),
                wrong.line()));
  }

  /** CO-RE relocations of what isn't the same everywhere can't be resolved: there is no kernel. */
  private void checkRelocations(ObjectFile.Function function) throws RejectedException {
    if (extension == null || btf == null) {
      return;
    }
    NavigableMap<Integer, BtfExtension.FieldRelocation> of =
        extension
            .relocations(function.section().name())
            .subMap(function.start(), true, function.start() + function.length(), false);
    for (Map.Entry<Integer, BtfExtension.FieldRelocation> it : of.entrySet()) {
      Btf.Type type = btf.resolved(it.getValue().typeId());
      if (it.getValue().kind() != TYPE_ID_LOCAL && !STABLE.contains(type.name())) {
        throw at(
            function,
            it.getKey(),
            new RejectedException(
                "a CO-RE relocation against %s, which is inside of a kernel: there is none here"
                    .formatted(type.name().isEmpty() ? "a type without a name" : type.name())));
      }
    }
  }

  private void address(int index, Instruction it, Elf.Symbol symbol) throws RejectedException {
    if (symbol.section() == 0) {
      throw new RejectedException(
          "extern %s isn't supported: there is no kernel that could have it"
              .formatted(symbol.name()));
    }
    Elf.Section section = elf.section(symbol.section());
    boolean isSection = symbol.type() == Elf.STT_SECTION;
    long offset = (isSection ? 0 : symbol.value()) + it.immediate();
    if (section.name().equals(".maps") || section.name().equals("maps")) {
      references.put(index, new Reference.ToMap(maps.at(section, offset)));
    } else if (MapReader.isGlobals(section.name())) {
      references.put(index, new Reference.ToValue(globals(section), (int) offset));
    } else if (section.isCode()) {
      long at = isSection ? it.immediate() : symbol.value();
      callbacks.put(index, called(section, at / Long.BYTES));
    } else {
      throw new RejectedException(
          "refers to %s in section %s, which isn't supported"
              .formatted(symbol.name(), section.name()));
    }
  }

  private MapSpec globals(Elf.Section section) throws RejectedException {
    if (!elf.relocationsOf(section.index()).isEmpty()) {
      throw new RejectedException(
          "section %s holds addresses, which isn't supported: fill it when the program runs"
              .formatted(section.name()));
    }
    MapSpec map = maps.maps().get(section.name());
    if (map == null) {
      throw new RejectedException("section " + section.name() + " is empty");
    }
    return map;
  }

  private void call(
      ObjectFile.Function caller, int at, Instruction it, Elf.@Nullable Relocation relocation)
      throws RejectedException {
    if (relocation == null) {
      calls.put(words.size(), called(caller.section(), (long) at + 1 + it.immediate()));
      return;
    }
    Elf.Symbol symbol = relocation.symbol();
    if (symbol.section() == 0) {
      throw new RejectedException(
          "calls extern %s, which isn't supported: kernel functions aren't here"
              .formatted(symbol.name()));
    }
    long start =
        symbol.type() == Elf.STT_SECTION
            ? symbol.value() / Long.BYTES + it.immediate() + 1
            : symbol.value() / Long.BYTES;
    calls.put(words.size(), called(elf.section(symbol.section()), start));
  }

  private ObjectFile.Function called(Elf.Section section, long start) throws RejectedException {
    for (ObjectFile.Function function : functions) {
      if (function.section().index() == section.index()
          && function.start() == start
          && function.length() > 0) {
        if (!starts.containsKey(function) && !order.contains(function)) {
          order.add(function);
        }
        return function;
      }
    }
    throw new RejectedException(
        "no function begins at instruction %d of section %s".formatted(start, section.name()));
  }
}
