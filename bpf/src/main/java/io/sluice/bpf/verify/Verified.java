package io.sluice.bpf.verify;

import io.sluice.bpf.isa.Instruction;
import io.sluice.bpf.isa.Opcode;
import io.sluice.bpf.object.LinkedProgram;
import io.sluice.bpf.run.ProgramType;
import io.sluice.bpf.run.Run;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** What was found out about a program that may run: what the compiler builds on. Immutable. */
public final class Verified {
  private final LinkedProgram program;
  private final ProgramType type;
  private final @Nullable State[] before;
  private final @Nullable RegisterType[] results;
  private final NavigableSet<Integer> functions;
  private final Map<Integer, RegisterType> returns;
  private final Set<Integer> loadedSlots;
  private final boolean spillsDynamically;
  private final BitSet seconds;
  private final List<String> lints;
  private final Supplier<List<String>> log;

  Verified(Verifier from, Supplier<List<String>> log) {
    this.program = from.program;
    this.type = from.type;
    this.before = from.before;
    this.results = from.results;
    this.functions = from.entries.navigableKeySet();
    this.returns = Map.copyOf(from.returns);
    this.loadedSlots = Set.copyOf(from.loadedSlots);
    this.spillsDynamically = from.spillsDynamically;
    this.seconds = from.structure.seconds();
    this.lints = from.lints.stream().distinct().toList();
    this.log = log;
  }

  public LinkedProgram program() {
    return program;
  }

  public ProgramType type() {
    return type;
  }

  /** The functions that may run, by their first instruction. */
  public NavigableSet<Integer> functions() {
    return functions;
  }

  /** Whether an instruction may run. */
  public boolean isReachable(int index) {
    return before[index] != null;
  }

  /** What a register holds before an instruction that may run. */
  public RegisterType register(int index, int register) {
    State state = before[index];
    return state == null ? RegisterType.UNINITIALISED : state.register(register);
  }

  /** What an instruction leaves in the register that it writes; null if it writes none. */
  public @Nullable RegisterType result(int index) {
    return results[index];
  }

  /** What a function returns; null if it never does. */
  public @Nullable RegisterType returned(int function) {
    return returns.get(function);
  }

  /** Whether any register of a function may be a number or a pointer. */
  public boolean mixesKinds(int function) {
    for (int i = function; i < program.endOf(function); i++) {
      State state = before[i];
      if (state != null) {
        for (int register = 0; register <= 10; register++) {
          if (state.register(register).isAny()) {
            return true;
          }
        }
      }
    }
    return false;
  }

  /** Whether a word is the second half of an instruction. */
  public boolean isSecondWord(int index) {
    return seconds.get(index);
  }

  /** How many bytes below its frame pointer a function may use. */
  public int stackDepth(int function) {
    int depth = 0;
    for (int i = function; i < program.endOf(function); i++) {
      State state = before[i];
      if (state == null) {
        continue;
      }
      Instruction it = new Instruction(program.word(i));
      int kind = it.instructionClass();
      int base = kind == Opcode.LDX ? it.source() : it.destination();
      boolean accesses = kind == Opcode.LDX || kind == Opcode.ST || kind == Opcode.STX;
      for (int register = 0; register < Instruction.REGISTERS; register++) {
        RegisterType type = state.register(register);
        if (type.kind() == RegisterType.Kind.STACK) {
          long lowest = type.value() + (accesses && register == base ? it.offset() : 0);
          depth = Math.max(depth, type.known() ? (int) -lowest : Run.FRAME_BYTES);
        }
      }
    }
    return Math.clamp(depth, 0, Run.FRAME_BYTES);
  }

  /** Whether the stack's pointers are loaded through pointers, too. */
  public boolean spillsDynamically() {
    return spillsDynamically;
  }

  /** Whether 8 bytes at an offset from the frame pointer are ever loaded as a pointer. */
  public boolean isLoadedAsPointer(int offset) {
    return loadedSlots.contains(offset);
  }

  /** What is allowed, but ought to be known: one line each. */
  public List<String> lints() {
    return lints;
  }

  /** Each instruction with what registers hold before it. */
  public List<String> log() {
    return log.get();
  }
}
