package io.sluice.proxy.linux;

import static io.sluice.proxy.linux.BpfAssembler.Register.R0;
import static io.sluice.proxy.linux.BpfAssembler.Register.R1;
import static io.sluice.proxy.linux.BpfAssembler.Register.R10;
import static io.sluice.proxy.linux.BpfAssembler.Register.R2;
import static io.sluice.proxy.linux.BpfAssembler.Register.R6;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.sluice.proxy.linux.BpfAssembler.Alu;
import io.sluice.proxy.linux.BpfAssembler.If;
import io.sluice.proxy.linux.BpfAssembler.Size;
import java.util.HexFormat;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Encodings, as clang and llvm-objdump write them. */
class BpfAssemblerTest {
  static Arguments[] instructions() {
    return new Arguments[] {
      row("b7 00 0000 01000000", code -> code.move(R0, 1)),
      row("bf 16 0000 00000000", code -> code.move(R6, R1)),
      row("07 02 0000 fcffffff", code -> code.alu(Alu.ADD, R2, -4)),
      row("0f 12 0000 00000000", code -> code.alu(Alu.ADD, R2, R1)),
      row("61 62 3c00 00000000", code -> code.load(Size.WORD, R2, R6, 60)),
      row("69 62 2400 00000000", code -> code.load(Size.HALF, R2, R6, 36)),
      row("71 62 0800 00000000", code -> code.load(Size.BYTE, R2, R6, 8)),
      row("79 62 0000 00000000", code -> code.load(Size.DOUBLE, R2, R6, 0)),
      row("63 1a fcff 00000000", code -> code.store(Size.WORD, R10, -4, R1)),
      row("7a 0a f8ff 07000000", code -> code.store(Size.DOUBLE, R10, -8, 7)),
      row("dc 01 0000 10000000", code -> code.toBigEndian(R1, 16)),
      row("85 00 0000 7c000000", code -> code.call(Linux.BPF_FUNC_SK_ASSIGN)),
      row("95 00 0000 00000000", BpfAssembler::exit),
      row("18 11 0000 05000000 00 00 0000 00000000", code -> code.moveMap(R1, 5)),
      row(
          "18 01 0000 88776655 00 00 0000 44332211",
          code -> code.moveLong(R1, 0x1122334455667788L)),
    };
  }

  private static Arguments row(String hex, UnaryOperator<BpfAssembler> write) {
    return Arguments.of(hex, write);
  }

  @ParameterizedTest
  @MethodSource("instructions")
  void anInstructionHasItsEncoding(String hex, UnaryOperator<BpfAssembler> write) {
    assertThat(write.apply(new BpfAssembler()).assemble())
        .isEqualTo(HexFormat.of().parseHex(hex.replace(" ", "")));
  }

  @Test
  void aJumpCountsFromTheNextInstruction() {
    byte[] code =
        new BpfAssembler()
            .label("start")
            .jump(If.NE, R1, 5, "end")
            .jump(If.GT, R1, R2, "end")
            .jump("start")
            .label("end")
            .exit()
            .assemble();
    assertThat(code)
        .isEqualTo(
            HexFormat.of()
                .parseHex(
                    "5501020005000000"
                        + "2d21010000000000"
                        + "0500fdff00000000"
                        + "9500000000000000"));
  }

  @Test
  void aLongProgramGrows() {
    BpfAssembler code = new BpfAssembler();
    for (int i = 0; i < 1000; i++) {
      code.move(R0, i);
    }
    assertThat(code.size()).isEqualTo(1000);
    assertThat(code.assemble()).hasSize(8000).endsWith(0xe7, 0x03, 0, 0);
  }

  @Test
  void aLabelIsThereOnce() {
    BpfAssembler code = new BpfAssembler().label("a");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> code.label("a"))
        .withMessage("label a is there already");
    code.move(R0, 0).jump("b");
    assertThatIllegalStateException()
        .isThrownBy(code::assemble)
        .withMessage("instruction 1: no label b");
  }

  @Test
  void whatIsTooFarIsRefused() {
    BpfAssembler code = new BpfAssembler().jump("end");
    for (int i = 0; i < 40_000; i++) {
      code.move(R0, 0);
    }
    code.label("end");
    assertThatIllegalStateException()
        .isThrownBy(code::assemble)
        .withMessage("instruction 0: end is 40000 away");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> code.load(Size.BYTE, R1, R2, 40_000))
        .withMessage("offset 40000 has more than 16 bits");
  }
}
