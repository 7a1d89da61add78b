package io.sluice.bpf;

import io.sluice.bpf.isa.Instruction;
import io.sluice.bpf.isa.Opcode;
import io.sluice.bpf.object.LinkedProgram;
import io.sluice.bpf.object.Reference;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Instructions one after the other, with jumps and calls whose targets become known later. */
class InstructionWriter {
  static final int FP = Instruction.FRAME_POINTER;
  static final int[] CODES = {
    Opcode.ADD,
    Opcode.SUB,
    Opcode.MUL,
    Opcode.DIV,
    Opcode.OR,
    Opcode.AND,
    Opcode.LSH,
    Opcode.RSH,
    Opcode.NEG,
    Opcode.MOD,
    Opcode.XOR,
    Opcode.MOV,
    Opcode.ARSH,
    Opcode.END
  };
  static final int[] CONDITIONS = {
    Opcode.JEQ,
    Opcode.JGT,
    Opcode.JGE,
    Opcode.JSET,
    Opcode.JNE,
    Opcode.JSGT,
    Opcode.JSGE,
    Opcode.JLT,
    Opcode.JLE,
    Opcode.JSLT,
    Opcode.JSLE
  };
  static final int[] ATOMICS = {
    Opcode.ADD,
    Opcode.OR,
    Opcode.AND,
    Opcode.XOR,
    Opcode.ADD | Opcode.FETCH,
    Opcode.OR | Opcode.FETCH,
    Opcode.AND | Opcode.FETCH,
    Opcode.XOR | Opcode.FETCH,
    Opcode.XCHG,
    Opcode.CMPXCHG
  };
  static final int[] SIZE_BITS = {0x10, 0x08, 0x00, 0x18}; // of 1, 2, 4 and 8 bytes
  static final int[] CONTEXT_FIELDS = {8, 12, 16, 20, 24, 32, 36, 40, 44, 56, 60, 64};

  final List<Long> words = new ArrayList<>();
  final Map<Integer, Reference> references = new HashMap<>();
  final Map<Integer, Integer> calls = new HashMap<>();

  /**
   * All that was written.
   *
   * @param starts names of functions by their first instruction
   * @param starting the first instruction of each
   */
  LinkedProgram finish(String section, Map<Integer, String> starts, List<Integer> starting) {
    calls.forEach((at, callee) -> patch(at, starting.get(callee)));
    return new LinkedProgram(
        "random",
        section,
        words.stream().mapToLong(it -> it).toArray(),
        starts,
        references,
        Map.of());
  }

  private void patch(int at, int start) {
    Instruction it = new Instruction(words.get(at));
    if (it.isCall()) {
      words.set(at, Instruction.of(it.opcode(), 0, Opcode.CALL_LOCAL, 0, start - at - 1).word());
    } else {
      references.put(at, new Reference.ToFunction(start));
    }
  }

  void pointer(int register, int at) {
    register(Opcode.ALU64 | Opcode.MOV, register, FP);
    immediate(Opcode.ALU64 | Opcode.ADD, register, at);
  }

  void land(int jump) {
    landAt(jump, words.size());
  }

  void landAt(int jump, int target) {
    Instruction it = new Instruction(words.get(jump));
    words.set(
        jump,
        Instruction.of(
                it.opcode(), it.destination(), it.source(), target - jump - 1, it.immediate())
            .word());
  }

  void immediate(int opcode, int to, int value) {
    add(opcode, to, 0, 0, value);
  }

  void register(int opcode, int to, int from) {
    add(opcode | 8, to, from, 0, 0);
  }

  int add(int opcode, int to, int from, int offset, int immediate) {
    words.add(Instruction.of(opcode, to, from, offset, immediate).word());
    return words.size() - 1;
  }
}
