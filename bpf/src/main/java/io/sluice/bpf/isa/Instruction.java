package io.sluice.bpf.isa;

/**
 * One instruction.
 *
 * <pre>
 *   bit 63                32 31         16 15    12 11         8 7        0
 *       | immediate, signed | offset, signed | source | destination | opcode |
 * </pre>
 *
 * @param word the 8 bytes, little-endian
 */
public record Instruction(long word) {
  /** How many registers there are; the last is the frame pointer. */
  public static final int REGISTERS = 11;

  public static final int FRAME_POINTER = 10;

  /** An instruction of its fields. */
  public static Instruction of(int opcode, int destination, int source, int offset, int immediate) {
    return new Instruction(
        opcode & 0xffL
            | (destination & 0xfL) << 8
            | (source & 0xfL) << 12
            | (offset & 0xffffL) << 16
            | (long) immediate << 32);
  }

  public int opcode() {
    return (int) word & 0xff;
  }

  public int destination() {
    return (int) (word >>> 8) & 0xf;
  }

  public int source() {
    return (int) (word >>> 12) & 0xf;
  }

  public int offset() {
    return (short) (word >>> 16);
  }

  public int immediate() {
    return (int) (word >>> 32);
  }

  /** The lowest 3 bits of the opcode: {@link Opcode#LD} to {@link Opcode#ALU64}. */
  public int instructionClass() {
    return opcode() & 0x07;
  }

  /** What arithmetic or jump it is, like {@link Opcode#ADD}. */
  public int code() {
    return opcode() & 0xf0;
  }

  /** Of loads and stores, like {@link Opcode#MEM}. */
  public int mode() {
    return opcode() & 0xe0;
  }

  /** Whether its second operand is a register, of arithmetic and jumps. */
  public boolean isRegisterSource() {
    return (opcode() & 0x08) != 0;
  }

  /** How many bytes a load or store moves. */
  public int size() {
    return switch (opcode() & 0x18) {
      case 0x00 -> 4;
      case 0x08 -> 2;
      case 0x10 -> 1;
      default -> 8;
    };
  }

  public boolean isArithmetic() {
    int kind = instructionClass();
    return kind == Opcode.ALU || kind == Opcode.ALU64;
  }

  public boolean isJump() {
    int kind = instructionClass();
    return kind == Opcode.JMP || kind == Opcode.JMP32;
  }

  /** Whether arithmetic or a comparison is of 64 bits. */
  public boolean isWide() {
    int kind = instructionClass();
    return kind == Opcode.ALU64 || kind == Opcode.JMP;
  }

  public boolean isCall() {
    return isJump() && code() == Opcode.CALL;
  }

  public boolean isExit() {
    return isJump() && code() == Opcode.EXIT;
  }

  /** Whether it takes two words. */
  public boolean isLoadOf64Bits() {
    return opcode() == Opcode.LDDW;
  }

  public boolean isAtomic() {
    return instructionClass() == Opcode.STX && mode() == Opcode.ATOMIC;
  }

  /** Where a jump goes, from the instruction behind it. */
  public int distance() {
    return code() == Opcode.JA && instructionClass() == Opcode.JMP32 ? immediate() : offset();
  }
}
