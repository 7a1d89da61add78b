package io.sluice.bpf.isa;

/**
 * The parts of an opcode, by the names and numbers of RFC 9669, sections 3–5.
 *
 * <pre>
 *   arithmetic, jumps   | code 4 | source 1 | class 3 |
 *   loads, stores       | mode 3 | size 2   | class 3 |
 * </pre>
 */
public final class Opcode {
  // Classes.
  public static final int LD = 0;
  public static final int LDX = 1;
  public static final int ST = 2;
  public static final int STX = 3;
  public static final int ALU = 4;
  public static final int JMP = 5;
  public static final int JMP32 = 6;
  public static final int ALU64 = 7;

  // Codes of arithmetic.
  public static final int ADD = 0x00;
  public static final int SUB = 0x10;
  public static final int MUL = 0x20;

  /** Unsigned; signed with an offset of 1. */
  public static final int DIV = 0x30;

  public static final int OR = 0x40;
  public static final int AND = 0x50;
  public static final int LSH = 0x60;
  public static final int RSH = 0x70;
  public static final int NEG = 0x80;

  /** Unsigned; signed with an offset of 1. */
  public static final int MOD = 0x90;

  public static final int XOR = 0xa0;

  /** Of a register with an offset of 8, 16 or 32: sign-extends so many bits. */
  public static final int MOV = 0xb0;

  public static final int ARSH = 0xc0;

  /** Byte swaps, of as many bits as the immediate says. */
  public static final int END = 0xd0;

  // Codes of jumps.
  public static final int JA = 0x00;
  public static final int JEQ = 0x10;
  public static final int JGT = 0x20;
  public static final int JGE = 0x30;
  public static final int JSET = 0x40;
  public static final int JNE = 0x50;
  public static final int JSGT = 0x60;
  public static final int JSGE = 0x70;
  public static final int CALL = 0x80;
  public static final int EXIT = 0x90;
  public static final int JLT = 0xa0;
  public static final int JLE = 0xb0;
  public static final int JSLT = 0xc0;
  public static final int JSLE = 0xd0;

  // Modes of loads and stores.
  public static final int IMM = 0x00;
  public static final int MEM = 0x60;
  public static final int MEMSX = 0x80;
  public static final int ATOMIC = 0xc0;

  /** Loads 64 bits from this instruction and the next. */
  public static final int LDDW = 0x18;

  // What an atomic operation does; its immediate.
  public static final int FETCH = 0x01;
  public static final int XCHG = 0xe0 | FETCH;
  public static final int CMPXCHG = 0xf0 | FETCH;

  // What a call's source register says: of what it calls.
  public static final int CALL_HELPER = 0;
  public static final int CALL_LOCAL = 1;
  public static final int CALL_KFUNC = 2;

  private Opcode() {}
}
