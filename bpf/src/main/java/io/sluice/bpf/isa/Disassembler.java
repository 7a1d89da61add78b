package io.sluice.bpf.isa;

import java.util.Map;

/** Writes instructions as the kernel's verifier does: {@code r0 = *(u32 *)(r1 + 8)}. */
public final class Disassembler {
  private static final Map<Integer, String> OPERATORS =
      Map.ofEntries(
          Map.entry(Opcode.ADD, "+="),
          Map.entry(Opcode.SUB, "-="),
          Map.entry(Opcode.MUL, "*="),
          Map.entry(Opcode.DIV, "/="),
          Map.entry(Opcode.MOD, "%="),
          Map.entry(Opcode.OR, "|="),
          Map.entry(Opcode.AND, "&="),
          Map.entry(Opcode.XOR, "^="),
          Map.entry(Opcode.LSH, "<<="),
          Map.entry(Opcode.RSH, ">>="),
          Map.entry(Opcode.ARSH, "s>>="),
          Map.entry(Opcode.MOV, "="));

  private static final Map<Integer, String> COMPARISONS =
      Map.ofEntries(
          Map.entry(Opcode.JEQ, "=="),
          Map.entry(Opcode.JNE, "!="),
          Map.entry(Opcode.JSET, "&"),
          Map.entry(Opcode.JGT, ">"),
          Map.entry(Opcode.JGE, ">="),
          Map.entry(Opcode.JLT, "<"),
          Map.entry(Opcode.JLE, "<="),
          Map.entry(Opcode.JSGT, "s>"),
          Map.entry(Opcode.JSGE, "s>="),
          Map.entry(Opcode.JSLT, "s<"),
          Map.entry(Opcode.JSLE, "s<="));

  private static final Map<Integer, String> ATOMICS =
      Map.of(
          0x00,
          "+",
          0x40,
          "|",
          0x50,
          "&",
          0xa0,
          "^",
          0x01,
          "fetch +",
          0x41,
          "fetch |",
          0x51,
          "fetch &",
          0xa1,
          "fetch ^",
          Opcode.XCHG,
          "xchg",
          Opcode.CMPXCHG,
          "cmpxchg");

  private Disassembler() {}

  /** The instruction at an index; of one of two words, the whole. */
  public static String text(long[] words, int index) {
    Instruction it = new Instruction(words[index]);
    if (it.isLoadOf64Bits() && index + 1 < words.length) {
      long value = words[index + 1] & 0xffff_ffff_0000_0000L | it.immediate() & 0xffff_ffffL;
      return "r%d = 0x%x ll".formatted(it.destination(), value);
    }
    return switch (it.instructionClass()) {
      case Opcode.ALU, Opcode.ALU64 -> arithmetic(it);
      case Opcode.JMP, Opcode.JMP32 -> jump(it);
      case Opcode.LDX ->
          "r%d = *(%s%d *)(r%d %s)"
              .formatted(
                  it.destination(),
                  it.mode() == Opcode.MEMSX ? "s" : "u",
                  it.size() * 8,
                  it.source(),
                  signed(it.offset()));
      case Opcode.ST ->
          "*(u%d *)(r%d %s) = %d"
              .formatted(it.size() * 8, it.destination(), signed(it.offset()), it.immediate());
      case Opcode.STX -> store(it);
      default -> "0x%016x".formatted(it.word());
    };
  }

  private static String arithmetic(Instruction it) {
    String register = (it.isWide() ? "r" : "w") + it.destination();
    return switch (it.code()) {
      case Opcode.NEG -> register + " = -" + register;
      case Opcode.END -> {
        String kind = it.isWide() ? "bswap" : it.isRegisterSource() ? "be" : "le";
        yield "r%d = %s%d r%d".formatted(it.destination(), kind, it.immediate(), it.destination());
      }
      default -> {
        boolean divides = it.code() == Opcode.DIV || it.code() == Opcode.MOD;
        String operator = OPERATORS.getOrDefault(it.code(), "?=");
        String cast = it.code() == Opcode.MOV && it.offset() != 0 ? "(s" + it.offset() + ")" : "";
        yield register
            + (divides && it.offset() != 0 ? " s" : " ")
            + operator
            + " "
            + cast
            + operand(it);
      }
    };
  }

  private static String operand(Instruction it) {
    return it.isRegisterSource()
        ? (it.isWide() ? "r" : "w") + it.source()
        : Integer.toString(it.immediate());
  }

  private static String jump(Instruction it) {
    return switch (it.code()) {
      case Opcode.EXIT -> "exit";
      case Opcode.CALL ->
          it.source() == Opcode.CALL_LOCAL
              ? "call pc" + signed(it.immediate()).replace(" ", "")
              : "call " + it.immediate();
      case Opcode.JA -> "goto " + signed(it.distance()).replace(" ", "");
      default ->
          "if %s%d %s %s goto %s"
              .formatted(
                  it.isWide() ? "r" : "w",
                  it.destination(),
                  COMPARISONS.getOrDefault(it.code(), "?"),
                  operand(it),
                  signed(it.offset()).replace(" ", ""));
    };
  }

  private static String store(Instruction it) {
    String address =
        "*(u%d *)(r%d %s)".formatted(it.size() * 8, it.destination(), signed(it.offset()));
    return it.isAtomic()
        ? "lock %s %s= r%d"
            .formatted(address, ATOMICS.getOrDefault(it.immediate(), "?"), it.source())
        : "%s = r%d".formatted(address, it.source());
  }

  private static String signed(int number) {
    return number < 0 ? "- " + -number : "+ " + number;
  }
}
