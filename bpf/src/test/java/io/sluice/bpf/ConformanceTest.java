package io.sluice.bpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.bpf.compile.ProgramCompiler;
import io.sluice.bpf.isa.Instruction;
import io.sluice.bpf.isa.Opcode;
import io.sluice.bpf.isa.RejectedException;
import io.sluice.bpf.object.LinkedProgram;
import io.sluice.bpf.run.ProgramType;
import io.sluice.bpf.run.Run;
import io.sluice.bpf.verify.Verified;
import io.sluice.bpf.verify.Verifier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/**
 * The BPF foundation's suite of the instruction set, by compiled code and by the interpreter: what
 * the kernel, ubpf and rbpf are measured by.
 */
@NullUnmarked // the suite is as it is
final class ConformanceTest {
  private static final Path CASES =
      Path.of(System.getProperty("bpf.conformance", "../../shared/bpf-conformance"))
          .resolve("tests");

  /** Cases that are refused, and with what: a call of a register's address, as by the kernel. */
  private static final Map<String, String> REFUSED =
      Map.of("callx.data", "the instruction is malformed, or of no known kind");

  @SuppressWarnings("ArrayRecordComponent") // nobody compares cases
  private record Case(String name, long[] words, byte[] memory, Long result, String error) {}

  private static List<Case> cases() throws IOException {
    assumeTrue(Files.isDirectory(CASES), CASES + " isn't there: no conformance suite");
    List<Case> cases = new ArrayList<>();
    try (Stream<Path> files = Files.list(CASES)) {
      for (Path file : files.filter(it -> it.toString().endsWith(".data")).sorted().toList()) {
        cases.add(read(file));
      }
    }
    return cases;
  }

  private static Case read(Path file) throws IOException {
    Map<String, List<String>> sections = new TreeMap<>();
    List<String> section = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      if (line.startsWith("-- ")) {
        section = sections.computeIfAbsent(line.substring(3).strip(), _ -> new ArrayList<>());
      } else {
        section.add(line);
      }
    }
    String hex = String.join("", sections.getOrDefault("mem", List.of())).replaceAll("\\s|#.*", "");
    List<String> result = sections.get("result");
    return new Case(
        file.getFileName().toString(),
        sections.containsKey("raw")
            ? raw(sections.get("raw"))
            : Assembler.assemble(sections.getOrDefault("asm", List.of())),
        HexFormat.of().parseHex(hex),
        result == null
            ? null
            : (Long)
                Assembler.number(
                    result.stream()
                        .map(it -> it.replaceAll("#.*", "").strip())
                        .filter(it -> !it.isEmpty())
                        .findFirst()
                        .orElseThrow()),
        sections.containsKey("error") ? String.join(" ", sections.get("error")) : null);
  }

  private static long[] raw(List<String> lines) {
    return lines.stream()
        .map(it -> it.replaceAll("#.*", "").strip())
        .filter(it -> !it.isEmpty())
        .mapToLong(it -> Assembler.number(it))
        .toArray();
  }

  /** The functions of a program: where it begins, and what calls go to. */
  private static LinkedProgram program(Case it) {
    Map<Integer, String> functions = new TreeMap<>(Map.of(0, "main"));
    for (int i = 0; i < it.words.length; i++) {
      Instruction at = new Instruction(it.words[i]);
      if (at.isCall() && at.source() == Opcode.CALL_LOCAL) {
        functions.put(i + 1 + at.immediate(), "f" + (i + 1 + at.immediate()));
      }
    }
    return new LinkedProgram(it.name, "memory", it.words, functions, Map.of(), Map.of());
  }

  @Test
  void allCasesGiveTheirResultCompiledAndInterpreted() throws IOException {
    List<String> wrong = new ArrayList<>();
    int compiled = 0;
    int interpreted = 0;
    for (Case it : cases()) {
      LinkedProgram program = program(it);
      try {
        Verified verified = Verifier.verify(program, ProgramType.MEMORY);
        long result =
            ProgramCompiler.compile(verified, Map.of())
                .run(new Run().begin(it, 100_000), it.memory.clone(), it.memory.length);
        if (it.result == null || it.result != result) {
          wrong.add("%s compiled: %x instead of %x".formatted(it.name, result, it.result));
        } else {
          compiled++;
        }
        long plain =
            new Interpreter(program, ProgramType.MEMORY, Map.of())
                .run(new Run().begin(it, 100_000), it.memory.clone(), it.memory.length);
        if (it.result == null || it.result != plain) {
          wrong.add("%s interpreted: %x instead of %x".formatted(it.name, plain, it.result));
        } else {
          interpreted++;
        }
      } catch (RejectedException rejected) {
        String reason = REFUSED.get(it.name);
        if (it.error == null && (reason == null || !rejected.line().contains(reason))) {
          wrong.add(it.name + ": " + rejected.line());
        }
      } catch (RuntimeException | Error failed) {
        wrong.add(it.name + ": " + failed);
      }
    }
    System.out.printf(
        "conformance: bpf instructions compiled=%d interpreted=%d refused=%s differences=%d%n",
        compiled, interpreted, REFUSED.keySet(), wrong.size());
    assertThat(wrong).isEmpty();
    assertThat(compiled).isEqualTo(interpreted).isEqualTo(313 - REFUSED.size());
  }
}
