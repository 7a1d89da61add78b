package io.sluice.bpf.isa;

/**
 * What arithmetic and comparisons give for numbers (RFC 9669, sections 4.1, 4.2, 4.3). Compiled
 * programs call what the JVM has no instruction for; the verifier folds constants.
 */
public final class Arithmetic {
  private Arithmetic() {}

  /** Unsigned; by 0 it is 0. */
  public static long divide(long dividend, long divisor) {
    return divisor == 0 ? 0 : Long.divideUnsigned(dividend, divisor);
  }

  public static int divide(int dividend, int divisor) {
    return divisor == 0 ? 0 : Integer.divideUnsigned(dividend, divisor);
  }

  public static long divideSigned(long dividend, long divisor) {
    return divisor == 0 ? 0 : dividend / divisor;
  }

  public static int divideSigned(int dividend, int divisor) {
    return divisor == 0 ? 0 : dividend / divisor;
  }

  /** Unsigned; by 0 it is the dividend. */
  public static long remainder(long dividend, long divisor) {
    return divisor == 0 ? dividend : Long.remainderUnsigned(dividend, divisor);
  }

  public static int remainder(int dividend, int divisor) {
    return divisor == 0 ? dividend : Integer.remainderUnsigned(dividend, divisor);
  }

  public static long remainderSigned(long dividend, long divisor) {
    return divisor == 0 ? dividend : dividend % divisor;
  }

  public static int remainderSigned(int dividend, int divisor) {
    return divisor == 0 ? dividend : dividend % divisor;
  }

  /**
   * What an arithmetic instruction writes.
   *
   * @param a what its destination holds
   * @param b its source register, or its sign-extended immediate
   */
  public static long result(Instruction instruction, long a, long b) {
    boolean wide = instruction.instructionClass() == Opcode.ALU64;
    int code = instruction.code();
    if (code == Opcode.END) {
      return swapped(instruction, a);
    }
    if (code == Opcode.MOV) {
      long moved = extended(instruction.offset(), b);
      return wide ? moved : moved & 0xffff_ffffL;
    }
    boolean signed = instruction.offset() != 0;
    if (wide) {
      return wide(code, signed, a, b);
    }
    boolean keepsSign = signed || code == Opcode.ARSH;
    boolean shifts = code == Opcode.LSH || code == Opcode.RSH || code == Opcode.ARSH;
    long x = keepsSign ? (int) a : a & 0xffff_ffffL;
    long y = shifts ? b & 31 : keepsSign ? (int) b : b & 0xffff_ffffL;
    return wide(code, signed, x, y) & 0xffff_ffffL;
  }

  private static long wide(int code, boolean signed, long a, long b) {
    return switch (code) {
      case Opcode.ADD -> a + b;
      case Opcode.SUB -> a - b;
      case Opcode.MUL -> a * b;
      case Opcode.DIV -> signed ? divideSigned(a, b) : divide(a, b);
      case Opcode.MOD -> signed ? remainderSigned(a, b) : remainder(a, b);
      case Opcode.OR -> a | b;
      case Opcode.AND -> a & b;
      case Opcode.XOR -> a ^ b;
      case Opcode.LSH -> a << b;
      case Opcode.RSH -> a >>> b;
      case Opcode.ARSH -> a >> b;
      case Opcode.NEG -> -a;
      default ->
          throw new IllegalArgumentException("no arithmetic is 0x" + Integer.toHexString(code));
    };
  }

  private static long extended(int bits, long value) {
    return switch (bits) {
      case 8 -> (byte) value;
      case 16 -> (short) value;
      case 32 -> (int) value;
      default -> value;
    };
  }

  /** Swaps always in the 64-bit class; in the other to big or little endian, which we are. */
  private static long swapped(Instruction instruction, long value) {
    boolean swap = instruction.instructionClass() == Opcode.ALU64 || instruction.isRegisterSource();
    return switch (instruction.immediate()) {
      case 16 -> (swap ? Short.reverseBytes((short) value) : value) & 0xffffL;
      case 32 -> (swap ? Integer.reverseBytes((int) value) : value) & 0xffff_ffffL;
      default -> swap ? Long.reverseBytes(value) : value;
    };
  }

  /** Whether a conditional jump is taken. */
  public static boolean isTaken(Instruction jump, long a, long b) {
    boolean wide = jump.instructionClass() == Opcode.JMP;
    long x = wide ? a : (int) a;
    long y = wide ? b : (int) b;
    int unsigned = Long.compareUnsigned(x, y); // the same for sign-extended numbers of 32 bits
    return switch (jump.code()) {
      case Opcode.JEQ -> x == y;
      case Opcode.JNE -> x != y;
      case Opcode.JSET -> (x & y) != 0;
      case Opcode.JGT -> unsigned > 0;
      case Opcode.JGE -> unsigned >= 0;
      case Opcode.JLT -> unsigned < 0;
      case Opcode.JLE -> unsigned <= 0;
      case Opcode.JSGT -> x > y;
      case Opcode.JSGE -> x >= y;
      case Opcode.JSLT -> x < y;
      case Opcode.JSLE -> x <= y;
      default -> throw new IllegalArgumentException("no comparison: " + jump);
    };
  }
}
