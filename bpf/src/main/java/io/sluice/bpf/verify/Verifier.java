package io.sluice.bpf.verify;

import io.sluice.bpf.isa.Arithmetic;
import io.sluice.bpf.isa.Instruction;
import io.sluice.bpf.isa.Opcode;
import io.sluice.bpf.isa.RejectedException;
import io.sluice.bpf.object.LinkedProgram;
import io.sluice.bpf.run.ProgramType;
import io.sluice.bpf.run.Run;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Finds out what each register holds before each instruction: a data-flow analysis with joins,
 * which doesn't follow single paths. Where two ways disagree, a register is of {@link
 * RegisterType.Kind#ANY any} kind, and is looked at when the program runs.
 *
 * <p>So less is refused than by the kernel's verifier. What is let through can't leave its memory:
 * accesses are checked when they happen, and a budget ends what doesn't end by itself.
 */
public final class Verifier {
  private static final int MAX_ROUNDS = 100;

  final LinkedProgram program;
  final ProgramType type;
  final @Nullable State[] before;
  final @Nullable RegisterType[] results;

  /** What functions are entered with, by their first instruction. */
  final NavigableMap<Integer, State> entries = new TreeMap<>();

  final Map<Integer, RegisterType> returns = new HashMap<>();
  final Set<Integer> loadedSlots = new HashSet<>();
  final List<String> lints = new ArrayList<>();
  boolean spillsDynamically;

  final Structure structure;
  private final MemoryRules memory = new MemoryRules(this);
  private final CallRules calls = new CallRules(this);
  private final Map<Integer, Set<Integer>> callees = new HashMap<>();
  private final Deque<Integer> work = new ArrayDeque<>();
  private int function;
  private boolean changed;
  private boolean checking;

  private Verifier(LinkedProgram program, ProgramType type) {
    this.program = program;
    this.type = type;
    this.before = new @Nullable State[program.length()];
    this.results = new @Nullable RegisterType[program.length()];
    this.structure = new Structure(program, type == ProgramType.MEMORY);
  }

  /**
   * Verifies a program.
   *
   * @throws RejectedException with one line, and the log
   */
  public static Verified verify(LinkedProgram program, ProgramType type) throws RejectedException {
    Verifier verifier = new Verifier(program, type);
    verifier.run();
    return new Verified(verifier, verifier::log);
  }

  private void run() throws RejectedException {
    if (program.length() == 0) {
      throw new RejectedException("the program has no instructions");
    }
    State start = entry();
    boolean isMemory = type == ProgramType.MEMORY;
    start.register(
        1, RegisterType.of(isMemory ? RegisterType.Kind.MEMORY : RegisterType.Kind.CONTEXT));
    if (isMemory) {
      start.register(2, RegisterType.SCALAR);
    }
    entries.put(0, start);
    int rounds = 0;
    do {
      changed = false;
      if (++rounds > MAX_ROUNDS) {
        throw new RejectedException("the program is too complicated: its types don't settle");
      }
      for (int first : List.copyOf(entries.keySet())) {
        flowThrough(first);
      }
    } while (changed);
    checking = true;
    for (int first : entries.keySet()) {
      function = first;
      for (int i = first; i < program.endOf(first); i++) {
        State state = before[i];
        if (state != null) {
          step(i, state.copy());
        }
      }
    }
    checkDepth(0, new ArrayDeque<>());
  }

  private static State entry() {
    State state = new State();
    state.register(Instruction.FRAME_POINTER, RegisterType.at(RegisterType.Kind.STACK, 0, null));
    return state;
  }

  private void checkDepth(int first, Deque<Integer> path) throws RejectedException {
    if (path.contains(first)) {
      throw rejection(first, "the function calls itself, here or on the way: use a loop");
    }
    if (path.size() == Run.MAX_FRAMES) {
      throw rejection(first, "functions call each other more than " + Run.MAX_FRAMES + " deep");
    }
    path.push(first);
    for (int callee : callees.getOrDefault(first, Set.of())) {
      checkDepth(callee, path);
    }
    path.pop();
  }

  private void flowThrough(int first) throws RejectedException {
    function = first;
    for (int i = first; i < program.endOf(first); i++) {
      before[i] = null;
    }
    State start = entries.get(first);
    if (start == null) {
      return;
    }
    before[first] = start.copy();
    work.add(first);
    while (!work.isEmpty()) {
      int index = work.remove();
      State state = before[index];
      if (state != null) {
        step(index, state.copy());
      }
    }
  }

  /** Does one instruction to a state, and hands it on to what may follow. */
  private void step(int index, State state) throws RejectedException {
    String problem = structure.problem(index);
    if (problem != null) {
      throw rejection(index, problem);
    }
    Instruction it = new Instruction(program.word(index));
    switch (it.instructionClass()) {
      case Opcode.ALU, Opcode.ALU64 -> {
        result(index, state, it.destination(), ArithmeticRules.result(this, index, it, state));
        flow(index, index + 1, state);
      }
      case Opcode.LD -> {
        result(index, state, it.destination(), memory.reference(index, it));
        flow(index, index + 2, state);
      }
      case Opcode.LDX -> {
        result(index, state, it.destination(), memory.load(index, it, state));
        flow(index, index + 1, state);
      }
      case Opcode.ST, Opcode.STX -> {
        memory.store(index, it, state);
        flow(index, index + 1, state);
      }
      default -> jump(index, it, state);
    }
  }

  /** An instruction writes a register. */
  void result(int index, State state, int register, RegisterType type) throws RejectedException {
    if (register == Instruction.FRAME_POINTER) {
      reject(index, "frame pointer is read only");
    }
    results[index] = type;
    state.register(register, type);
  }

  private void jump(int index, Instruction it, State state) throws RejectedException {
    switch (it.code()) {
      case Opcode.EXIT -> exit(index, state);
      case Opcode.CALL -> calls.call(index, it, state);
      case Opcode.JA -> flow(index, index + 1 + it.distance(), state);
      default -> compare(index, it, state);
    }
  }

  private void compare(int index, Instruction it, State state) throws RejectedException {
    RegisterType left = use(index, state, it.destination());
    RegisterType right =
        it.isRegisterSource()
            ? use(index, state, it.source())
            : RegisterType.constant(it.immediate());
    boolean equality = it.code() == Opcode.JEQ || it.code() == Opcode.JNE;
    boolean testsForNull =
        equality
            && it.instructionClass() == Opcode.JMP
            && left.isPointer()
            && !left.isAny()
            && right.isZero();
    if (!testsForNull) {
      lintComparison(index, equality, left, right);
    }
    Boolean taken = isTaken(it, left, right);
    State other = state.copy();
    if (testsForNull && taken == null) {
      other.refine(it.destination(), it.code() == Opcode.JEQ);
      state.refine(it.destination(), it.code() != Opcode.JEQ);
    }
    if (taken == null || taken) {
      flow(index, index + 1 + it.offset(), other);
    }
    if (taken == null || !taken) {
      flow(index, index + 1, state);
    }
  }

  /** The outcome of a comparison, if it is always the same. */
  public static @Nullable Boolean isTaken(Instruction it, RegisterType left, RegisterType right) {
    if (left.kind() == RegisterType.Kind.SCALAR
        && right.kind() == RegisterType.Kind.SCALAR
        && left.known()
        && right.known()) {
      return Arithmetic.isTaken(it, left.value(), right.value());
    }
    boolean testsForNull =
        it.instructionClass() == Opcode.JMP
            && (it.code() == Opcode.JEQ || it.code() == Opcode.JNE)
            && right.isZero();
    return testsForNull && left.isPointer() && !left.isAny() && !left.nullable()
        ? (Boolean) (it.code() == Opcode.JNE)
        : null;
  }

  private void lintComparison(int index, boolean equality, RegisterType left, RegisterType right) {
    boolean mixed = left.isPointer() != right.isPointer() && !left.isAny() && !right.isAny();
    if (mixed) {
      lint(index, "compares a pointer with a number: the outcome isn't the kernel's");
    } else if (!equality
        && left.isPointer()
        && right.isPointer()
        && left.kind() != right.kind()
        && !(left.isMemory() && right.isMemory())) {
      lint(index, "compares " + left + " with " + right + ": the outcome isn't the kernel's");
    }
  }

  private void exit(int index, State state) throws RejectedException {
    RegisterType returned = use(index, state, 0);
    if (function == 0) {
      exitProgram(index, state, returned);
    } else if (returned.kind() == RegisterType.Kind.STACK) {
      reject(index, "cannot return stack pointer to the caller");
    }
    RegisterType known = returns.get(function);
    RegisterType joined = known == null ? returned : known.join(returned);
    if (!joined.equals(known)) {
      returns.put(function, joined);
      changed = true;
    }
  }

  private void exitProgram(int index, State state, RegisterType returned) throws RejectedException {
    if (returned.isPointer() && !returned.isAny()) {
      reject(index, "R0 leaks a pointer (" + returned + ") as return value");
    }
    if (type.returnsVerdict() && returned.known() && (returned.value() & ~1L) != 0) {
      reject(
          index,
          "the program returns " + returned.value() + "; it may return 0 (drop) or 1 (pass)");
    }
    if (!state.references().isEmpty()) {
      int from = state.references().first();
      String what =
          "what instruction %d acquired (%s) isn't released on every path"
              .formatted(from, program.text(from).strip());
      if (state.isBlurred()) {
        lint(index, what + ", as far as can be seen");
      } else {
        reject(index, what + ": release it before the program ends");
      }
    }
  }

  /** A function is called with a state's registers; they belong to it from then on. */
  void enterFunction(int index, int first, State caller, int... arguments)
      throws RejectedException {
    if (!program.functions().containsKey(first)) {
      throw rejection(index, "calls instruction " + first + ", where no function begins");
    }
    callees.computeIfAbsent(function, _ -> new TreeSet<>()).add(first);
    State start = entry();
    for (int register : arguments) {
      RegisterType given = caller.register(register);
      boolean isStack = given.kind() == RegisterType.Kind.STACK;
      if (isStack || given.kind() == RegisterType.Kind.MEMORY || given.isAny()) {
        spillDynamically();
      }
      start.register(
          register,
          isStack
              ? new RegisterType(RegisterType.Kind.MEMORY, false, 0, null, given.nullable(), -1)
              : given.ofUnknownOrigin());
    }
    State known = entries.get(first);
    if (known == null) {
      entries.put(first, start);
      changed = true;
    } else if (known.merge(start)) {
      changed = true;
    }
  }

  /** Pointers on the stack may be reached through pointers. */
  private void spillDynamically() {
    if (!spillsDynamically) {
      spillsDynamically = true;
      changed = true;
    }
  }

  /** Hands a state on. */
  void flow(int from, int to, State state) throws RejectedException {
    if (to >= program.endOf(function) || structure.isSecond(to)) {
      reject(from, "the function runs over its end: exit is missing");
      return;
    }
    if (checking) {
      return;
    }
    State known = before[to];
    if (known == null) {
      before[to] = state.copy();
      work.add(to);
    } else {
      if (known.merge(state) && !work.contains(to)) {
        work.add(to);
      }
      if (known.hasAnySlot()) {
        spillDynamically();
      }
    }
  }

  /** What a register holds that an instruction reads. */
  RegisterType use(int index, State state, int register) throws RejectedException {
    RegisterType type = state.register(register);
    if (type.kind() == RegisterType.Kind.UNINITIALISED) {
      reject(index, "R" + register + " !read_ok: nothing was written to it on some path");
    }
    return type;
  }

  /** Refuses the program, once it is known what registers hold. */
  void reject(int index, String why) throws RejectedException {
    if (checking) {
      throw rejection(index, why);
    }
  }

  RejectedException rejection(int index, String why) {
    LinkedProgram.Source source = program.source(index);
    return new RejectedException(
        "instruction %d (%s)%s: %s"
            .formatted(
                index, program.text(index).strip(), source == null ? "" : " at " + source, why),
        log());
  }

  void lint(int index, String what) {
    if (checking) {
      LinkedProgram.Source source = program.source(index);
      lints.add(
          "instruction %d%s: %s".formatted(index, source == null ? "" : " at " + source, what));
    }
  }

  private List<String> log() {
    List<String> log = new ArrayList<>();
    for (int i = 0; i < program.length(); i++) {
      if (program.functions().containsKey(i)) {
        log.add("func " + program.functions().get(i) + ":");
      }
      LinkedProgram.Source source = program.source(i);
      if (source != null && !source.equals(i == 0 ? null : program.source(i - 1))) {
        log.add("; " + source.text().strip() + " @ " + source);
      }
      State state = before[i];
      if (!structure.isSecond(i)) {
        log.add("%d: %s ; %s".formatted(i, program.text(i), state == null ? "unreached" : state));
      }
    }
    return log;
  }
}
