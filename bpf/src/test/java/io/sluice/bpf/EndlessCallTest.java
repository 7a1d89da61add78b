package io.sluice.bpf;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.bpf.compile.ProgramCompiler;
import io.sluice.bpf.object.LinkedProgram;
import io.sluice.bpf.run.Code;
import io.sluice.bpf.run.ProgramType;
import io.sluice.bpf.run.Run;
import io.sluice.bpf.run.Trap;
import io.sluice.bpf.verify.Verifier;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A call of a function that never returns. */
final class EndlessCallTest {
  @Test
  void theBudgetEndsAFunctionThatNeverReturns() throws Exception {
    long[] words = Assembler.assemble(List.of("call local 1", "exit", "mov %r0, 0", "ja -2"));
    LinkedProgram program =
        new LinkedProgram(
            "prog", "memory", words, Map.of(0, "main", 2, "endless"), Map.of(), Map.of());
    Code code = ProgramCompiler.compile(Verifier.verify(program, ProgramType.MEMORY), Map.of());
    assertThatThrownBy(() -> code.run(new Run().begin(program, 100), new byte[8], 8))
        .isInstanceOf(Trap.class)
        .hasMessageContaining("budget");
  }
}
