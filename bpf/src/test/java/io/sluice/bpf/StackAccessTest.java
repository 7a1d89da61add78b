package io.sluice.bpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.bpf.compile.ProgramCompiler;
import io.sluice.bpf.isa.RejectedException;
import io.sluice.bpf.object.LinkedProgram;
import io.sluice.bpf.run.ProgramType;
import io.sluice.bpf.run.Run;
import io.sluice.bpf.verify.Verifier;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The stack: pointers that are kept on it, and accesses beyond it. */
final class StackAccessTest {
  private static LinkedProgram program(Map<Integer, String> functions, String... lines) {
    return new LinkedProgram(
        "prog", "sk_lookup", Assembler.assemble(List.of(lines)), functions, Map.of(), Map.of());
  }

  /** A function that was handed a place on the stack may have written all of it. */
  @Test
  void aContextKeptOnTheStackIsReadAfterACallThatWasHandedTheStack() throws Exception {
    LinkedProgram program =
        program(
            Map.of(0, "main", 9, "callee"),
            "stxdw [%r10-16], %r1",
            "stdw [%r10-8], 0",
            "mov %r1, %r10",
            "add %r1, -8",
            "call local 4",
            "ldxdw %r1, [%r10-16]",
            "ldxw %r0, [%r1+60]",
            "and %r0, 1",
            "exit",
            "stdw [%r1], 5",
            "mov %r0, 0",
            "exit");
    LookupContext packet = new LookupContext();
    IpAddress address = IpAddress.parse("192.0.2.7");
    for (int port : new int[] {80, 443}) {
      packet.of(Protocol.TCP, address, 40_000, address, port, 1);
      long answer =
          ProgramCompiler.compile(Verifier.verify(program, ProgramType.SK_LOOKUP), Map.of())
              .run(new Run().begin(packet, 100), packet, 0);
      assertThat(answer).isEqualTo(port & 1);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"lock add [%r1-16000], %r0", "stxdw [%r1-520], %r0", "stxdw [%r1], %r0"})
  void anAccessBeyondTheStackIsRefused(String access) {
    LinkedProgram program =
        program(Map.of(0, "main"), "mov %r0, 1", "mov %r1, %r10", access, "exit");
    assertThatThrownBy(() -> Verifier.verify(program, ProgramType.SK_LOOKUP))
        .isInstanceOf(RejectedException.class)
        .hasMessageContaining("invalid stack access");
  }

  @Test
  void aPlaceThatIsOnTheStackInItsLower32BitsOnlyIsRefused() {
    LinkedProgram program =
        program(
            Map.of(0, "main"),
            "mov %r0, 1",
            "mov %r2, 1",
            "lsh %r2, 32",
            "mov %r1, %r10",
            "add %r1, %r2",
            "stxdw [%r1-8], %r0",
            "exit");
    assertThatThrownBy(() -> Verifier.verify(program, ProgramType.SK_LOOKUP))
        .isInstanceOf(RejectedException.class)
        .hasMessageContaining("invalid stack access");
  }
}
