package io.sluice.proxy.linux;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes a BPF program instruction by instruction, with labels to jump to, so that none needs a
 * compiler (Documentation/bpf/standardization/instruction-set.rst).
 *
 * <p>An instruction has 8 bytes, little-endian; one with a 64-bit constant takes two of them.
 *
 * <pre>
 *   63                      32 31          16 15   12 11    8 7           0
 *  +--------------------------+--------------+-------+-------+-------------+
 *  |    immediate (signed)    |offset (signed)|  src  |  dst  |   opcode    |
 *  +--------------------------+--------------+-------+-------+-------------+
 *
 *   opcode, arithmetic and jump:  | operation 7..4 | register 3 | class 2..0 |
 *   opcode, load and store:       | mode 7..5 | size 4..3       | class 2..0 |
 * </pre>
 *
 * <p>Each method appends, and answers the assembler itself. Not reusable after {@link #assemble};
 * belongs to one thread.
 */
public final class BpfAssembler {
  /** A register; the constants' order is the encoding. */
  public enum Register {
    /** Answer of a call, and of the program. */
    R0,
    /** First argument of a call; at the program's start, the context. Lost at a call. */
    R1,
    R2,
    R3,
    R4,
    R5,
    /** The first of those that outlive a call. */
    R6,
    R7,
    R8,
    R9,
    /** Frame pointer: 512 bytes lie below. Read only. */
    R10
  }

  /** How many bytes a load or store moves. */
  public enum Size {
    BYTE(0x10),
    HALF(0x08),
    WORD(0x00),
    DOUBLE(0x18);

    private final int bits;

    Size(int bits) {
      this.bits = bits;
    }
  }

  /** An operation on 64 bits. */
  public enum Alu {
    ADD(0x00),
    SUB(0x10),
    MUL(0x20),
    OR(0x40),
    AND(0x50),
    LSH(0x60),
    RSH(0x70),
    XOR(0xa0),
    MOV(0xb0),
    ARSH(0xc0);

    private final int bits;

    Alu(int bits) {
      this.bits = bits;
    }
  }

  /** A comparison of 64 bits; unsigned unless it begins with S. */
  public enum If {
    EQ(0x10),
    GT(0x20),
    GE(0x30),
    SET(0x40),
    NE(0x50),
    SGT(0x60),
    SGE(0x70),
    LT(0xa0),
    LE(0xb0),
    SLT(0xc0),
    SLE(0xd0);

    private final int bits;

    If(int bits) {
      this.bits = bits;
    }
  }

  private static final int BYTES = 8;
  private static final int CLASS_LDX = 0x01;
  private static final int CLASS_ST = 0x02;
  private static final int CLASS_STX = 0x03;
  private static final int CLASS_JMP = 0x05;
  private static final int CLASS_ALU64 = 0x07;
  private static final int MODE_MEM = 0x60;
  private static final int FROM_REGISTER = 0x08;
  private static final int LOAD_IMMEDIATE_64 = 0x18;
  private static final int TO_BIG_ENDIAN = 0xdc;
  private static final int CALL = 0x85;
  private static final int EXIT = 0x95;
  private static final int PSEUDO_MAP_FD = 1;

  /** A jump whose offset is known once its label is. */
  private record Jump(int index, String label) {}

  private final Map<String, Integer> labels = new HashMap<>();
  private final List<Jump> jumps = new ArrayList<>();
  private ByteBuffer code = ByteBuffer.allocate(64 * BYTES).order(ByteOrder.LITTLE_ENDIAN);

  /** How many instructions there are; one with a 64-bit constant counts twice. */
  public int size() {
    return code.position() / BYTES;
  }

  /** How many jumps there are. */
  public int jumps() {
    return jumps.size();
  }

  /** {@code destination = source}. */
  public BpfAssembler move(Register destination, Register source) {
    return alu(Alu.MOV, destination, source);
  }

  /** {@code destination = value}, sign-extended. */
  public BpfAssembler move(Register destination, int value) {
    return alu(Alu.MOV, destination, value);
  }

  /** {@code destination = value}, all 64 bits of it. */
  public BpfAssembler moveLong(Register destination, long value) {
    return wide(destination, 0, (int) value, (int) (value >>> 32));
  }

  /** {@code destination = the map}, for a call's argument. */
  public BpfAssembler moveMap(Register destination, int mapFd) {
    return wide(destination, PSEUDO_MAP_FD, mapFd, 0);
  }

  private BpfAssembler wide(Register destination, int source, int low, int high) {
    append(LOAD_IMMEDIATE_64, destination.ordinal(), source, 0, low);
    return append(0, 0, 0, 0, high);
  }

  /** {@code destination = destination operation source}. */
  public BpfAssembler alu(Alu operation, Register destination, Register source) {
    return append(
        CLASS_ALU64 | FROM_REGISTER | operation.bits,
        destination.ordinal(),
        source.ordinal(),
        0,
        0);
  }

  /** {@code destination = destination operation value}, the value sign-extended. */
  public BpfAssembler alu(Alu operation, Register destination, int value) {
    return append(CLASS_ALU64 | operation.bits, destination.ordinal(), 0, 0, value);
  }

  /** Turns the lowest 16, 32 or 64 bits to network order, and clears the others. */
  public BpfAssembler toBigEndian(Register register, int bits) {
    return append(TO_BIG_ENDIAN, register.ordinal(), 0, 0, bits);
  }

  /** {@code destination = *(base + offset)}, zero-extended. */
  public BpfAssembler load(Size size, Register destination, Register base, int offset) {
    return append(
        CLASS_LDX | MODE_MEM | size.bits, destination.ordinal(), base.ordinal(), offset, 0);
  }

  /** {@code *(base + offset) = source}, its lowest bytes. */
  public BpfAssembler store(Size size, Register base, int offset, Register source) {
    return append(CLASS_STX | MODE_MEM | size.bits, base.ordinal(), source.ordinal(), offset, 0);
  }

  /** {@code *(base + offset) = value}, sign-extended if 8 bytes are stored. */
  public BpfAssembler store(Size size, Register base, int offset, int value) {
    return append(CLASS_ST | MODE_MEM | size.bits, base.ordinal(), 0, offset, value);
  }

  /** Goes to a label. */
  public BpfAssembler jump(String label) {
    jumps.add(new Jump(size(), label));
    return append(CLASS_JMP, 0, 0, 0, 0);
  }

  /** Goes to a label if {@code left condition right}, the latter sign-extended. */
  public BpfAssembler jump(If condition, Register left, int right, String label) {
    jumps.add(new Jump(size(), label));
    return append(CLASS_JMP | condition.bits, left.ordinal(), 0, 0, right);
  }

  /** Goes to a label if {@code left condition right}. */
  public BpfAssembler jump(If condition, Register left, Register right, String label) {
    jumps.add(new Jump(size(), label));
    return append(
        CLASS_JMP | FROM_REGISTER | condition.bits, left.ordinal(), right.ordinal(), 0, 0);
  }

  /**
   * Names the next instruction.
   *
   * @throws IllegalArgumentException if another one has the name
   */
  public BpfAssembler label(String name) {
    if (labels.putIfAbsent(name, size()) != null) {
      throw new IllegalArgumentException("label " + name + " is there already");
    }
    return this;
  }

  /** Calls a helper by its number; R1–R5 are its arguments, R0 its answer. */
  public BpfAssembler call(int helper) {
    return append(CALL, 0, 0, 0, helper);
  }

  /** Ends the program with the answer in R0. */
  public BpfAssembler exit() {
    return append(EXIT, 0, 0, 0, 0);
  }

  private BpfAssembler append(int opcode, int destination, int source, int offset, int immediate) {
    if (offset != (short) offset) {
      throw new IllegalArgumentException("offset " + offset + " has more than 16 bits");
    }
    if (code.remaining() < BYTES) {
      code =
          ByteBuffer.allocate(code.capacity() * 2).order(ByteOrder.LITTLE_ENDIAN).put(code.flip());
    }
    code.put((byte) opcode)
        .put((byte) (source << 4 | destination))
        .putShort((short) offset)
        .putInt(immediate);
    return this;
  }

  /**
   * The program.
   *
   * @throws IllegalStateException if a jump's label is nowhere, or too far off
   */
  public byte[] assemble() {
    for (Jump jump : jumps) {
      Integer target = labels.get(jump.label);
      if (target == null) {
        throw new IllegalStateException("instruction " + jump.index + ": no label " + jump.label);
      }
      int offset = target - jump.index - 1;
      if (offset != (short) offset) {
        throw new IllegalStateException(
            "instruction " + jump.index + ": " + jump.label + " is " + offset + " away");
      }
      code.putShort(jump.index * BYTES + 2, (short) offset);
    }
    return Arrays.copyOf(code.array(), code.position());
  }
}
