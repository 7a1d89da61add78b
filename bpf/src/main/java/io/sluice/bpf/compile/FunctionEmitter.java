package io.sluice.bpf.compile;

import static java.lang.constant.ConstantDescs.CD_Object;
import static java.lang.constant.ConstantDescs.CD_byte;
import static java.lang.constant.ConstantDescs.CD_int;
import static java.lang.constant.ConstantDescs.CD_void;

import io.sluice.bpf.isa.Instruction;
import io.sluice.bpf.isa.Opcode;
import io.sluice.bpf.object.Reference;
import io.sluice.bpf.run.Run;
import io.sluice.bpf.run.Trap;
import io.sluice.bpf.verify.RegisterType;
import io.sluice.bpf.verify.Verified;
import io.sluice.bpf.verify.Verifier;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.classfile.instruction.SwitchCase;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.TreeMap;

/**
 * The code of a function, or of a part of one that is too long for a method: instructions {@code
 * from} to {@code to}. A part that is left says which instruction comes next, or -1 at the end.
 */
final class FunctionEmitter {
  static final ClassDesc TRAP = Registers.descriptor(Trap.class);
  private static final int MAX_LINE = 0xffff;

  private final CodeBuilder code;
  private final Verified verified;
  private final int function;
  private final int from;
  private final int to;
  private final boolean isPart;
  private final Constants constants;
  private final Registers registers;
  private final ArithmeticEmitter arithmetic;
  private final MemoryEmitter memory;
  private final CallEmitter calls;
  private final TreeMap<Integer, Label> labels = new TreeMap<>();
  private final Label leave;
  private final boolean mixesKinds;

  FunctionEmitter(
      CodeBuilder code,
      Verified verified,
      Constants constants,
      ClassDesc owner,
      int function,
      int from,
      int to) {
    this.code = code;
    this.verified = verified;
    this.constants = constants;
    this.function = function;
    this.from = from;
    this.to = to;
    this.isPart = from != function || to != verified.program().endOf(function);
    this.registers = new Registers(code, isPart);
    this.arithmetic = new ArithmeticEmitter(code, registers);
    this.memory = new MemoryEmitter(code, registers, verified, function == 0);
    this.calls = new CallEmitter(code, registers, verified, owner);
    this.leave = code.newLabel();
    this.mixesKinds = verified.mixesKinds(function);
    for (int i = from; i < to; i++) {
      labels.put(i, code.newLabel());
    }
  }

  void emit() {
    registers.initialise(isPart);
    if (isPart) {
      enterPart();
    } else {
      clearStack(code, verified, function);
    }
    for (int i = from; i < to; i++) {
      if (verified.isReachable(i)) {
        code.labelBinding(label(i));
        if (i > 0 && i <= MAX_LINE) {
          code.lineNumber(i);
        }
        one(i, new Instruction(verified.program().word(i)));
      }
    }
    if (isPart) {
      code.labelBinding(leave);
      registers.save();
      code.iload(registers.next).ireturn();
    }
  }

  private Label label(int index) {
    Label label = labels.get(index);
    if (label == null) {
      throw new IllegalStateException("no instruction " + index);
    }
    return label;
  }

  /** Goes to the instruction that the part is entered at. */
  private void enterPart() {
    BitSet entered = entered();
    List<SwitchCase> cases = new ArrayList<>();
    for (int i = from; i < to; i++) {
      if (verified.isReachable(i) && entered.get(i)) {
        cases.add(SwitchCase.of(i, label(i)));
      }
    }
    Label nowhere = code.newLabel();
    code.iload(1).lookupswitch(nowhere, cases);
    code.labelBinding(nowhere);
    code.invokestatic(TRAP, "overBudget", MethodTypeDesc.of(TRAP)).athrow();
  }

  /** The instructions that follow one of another part: the first, and those jumped to. */
  private BitSet entered() {
    BitSet entered = new BitSet();
    entered.set(from);
    for (int i = function; i < verified.program().endOf(function); i++) {
      Instruction it = new Instruction(verified.program().word(i));
      boolean isOutside = i < from || i >= to;
      boolean isJump = it.isJump() && !it.isCall() && !it.isExit();
      int target = i + 1 + it.distance();
      if (isOutside && isJump && !verified.isSecondWord(i) && target >= from && target < to) {
        entered.set(target);
      }
    }
    return entered;
  }

  /** A function finds zeros where it hasn't written. */
  static void clearStack(CodeBuilder code, Verified verified, int function) {
    int depth = verified.stackDepth(function) + 7 & ~7;
    if (depth == 0) {
      return;
    }
    code.aload(0).getfield(Registers.RUN, "stack", Registers.BYTES);
    code.aload(0).getfield(Registers.RUN, "frame", CD_int);
    code.loadConstant(Run.FRAME_BYTES - depth).iadd();
    code.aload(0).getfield(Registers.RUN, "frame", CD_int);
    code.loadConstant(Run.FRAME_BYTES).iadd().iconst_0();
    code.i2b()
        .invokestatic(
            Registers.descriptor(Arrays.class),
            "fill",
            MethodTypeDesc.of(CD_void, Registers.BYTES, CD_int, CD_int, CD_byte));
  }

  private void one(int index, Instruction it) {
    switch (it.instructionClass()) {
      case Opcode.ALU, Opcode.ALU64 -> {
        arithmetic.emit(it, left(index, it), right(index, it));
        wrote(index, it.destination());
        fallThrough(index + 1);
      }
      case Opcode.LD -> {
        reference(index, it);
        fallThrough(index + 2);
      }
      case Opcode.LDX -> {
        memory.load(index, it, verified.register(index, it.source()));
        wrote(index, it.destination());
        fallThrough(index + 1);
      }
      case Opcode.ST, Opcode.STX -> {
        memory.store(it, left(index, it), right(index, it));
        if (it.isAtomic() && (it.immediate() & Opcode.FETCH) != 0) {
          wrote(index, it.immediate() == Opcode.CMPXCHG ? 0 : it.source());
        }
        fallThrough(index + 1);
      }
      default -> jump(index, it);
    }
  }

  private RegisterType left(int index, Instruction it) {
    return verified.register(index, it.destination());
  }

  private RegisterType right(int index, Instruction it) {
    boolean isRegister =
        it.instructionClass() == Opcode.STX
            || (it.isArithmetic() || it.isJump()) && it.isRegisterSource();
    return isRegister
        ? verified.register(index, it.source())
        : RegisterType.constant(it.immediate());
  }

  /** A register has got a number: its object is null where somebody may ask. */
  private void wrote(int index, int register) {
    RegisterType result = verified.result(index);
    if (result != null && !result.isPointer() && (mixesKinds || result.isZero())) {
      registers.clearObject(register);
    }
  }

  private void reference(int index, Instruction it) {
    int register = it.destination();
    switch (verified.program().reference(index)) {
      case null -> {
        RegisterType constant = verified.result(index);
        code.loadConstant(constant == null ? 0 : constant.value());
        registers.storeNumber(register);
        registers.clearObject(register);
      }
      case Reference.ToMap(var map) -> {
        code.ldc(constants.map(map));
        registers.storeObject(register);
        code.lconst_0();
        registers.storeNumber(register);
      }
      case Reference.ToValue(var map, int offset) -> {
        code.ldc(constants.value(map));
        registers.storeObject(register);
        code.loadConstant((long) offset);
        registers.storeNumber(register);
      }
      case Reference.ToFunction(int start) -> {
        code.loadConstant((long) start);
        registers.storeNumber(register);
        registers.clearObject(register);
      }
    }
  }

  private void jump(int index, Instruction it) {
    switch (it.code()) {
      case Opcode.EXIT -> exit();
      case Opcode.CALL -> {
        calls.emit(index, it, mixesKinds);
        fallThrough(index + 1);
      }
      case Opcode.JA -> go(index, index + 1 + it.distance());
      default -> branch(index, it);
    }
  }

  private void branch(int index, Instruction it) {
    RegisterType left = left(index, it);
    RegisterType right = right(index, it);
    int target = index + 1 + it.offset();
    Boolean taken = Verifier.isTaken(it, left, right);
    if (taken != null) {
      go(index, taken ? target : index + 1);
      return;
    }
    boolean isNear = target > index && target < to;
    Label jump = isNear ? label(target) : code.newLabel();
    arithmetic.compare(it, left, right, jump);
    if (isNear) {
      fallThrough(index + 1);
      return;
    }
    go(index, index + 1);
    code.labelBinding(jump);
    go(index, target);
  }

  /** The next instruction follows, here or in another part. */
  private void fallThrough(int next) {
    boolean isReached = next < verified.program().endOf(function) && verified.isReachable(next);
    if (!isReached) { // behind a call of a function that never returns
      code.invokestatic(TRAP, "overBudget", MethodTypeDesc.of(TRAP)).athrow();
    } else if (next >= to) {
      goElsewhere(next);
    } else if (next > from && !labels.containsKey(next)) {
      throw new IllegalStateException("no instruction " + next);
    }
  }

  private void go(int index, int target) {
    if (target <= index) {
      Label left = code.newLabel();
      code.iinc(registers.budget, -1).iload(registers.budget).ifge(left);
      code.invokestatic(TRAP, "overBudget", MethodTypeDesc.of(TRAP)).athrow();
      code.labelBinding(left);
    }
    if (target >= from && target < to) {
      code.goto_(label(target));
    } else {
      goElsewhere(target);
    }
  }

  private void goElsewhere(int target) {
    code.loadConstant(target).istore(registers.next).goto_(leave);
  }

  private void exit() {
    RegisterType returned = verified.returned(function);
    if (isPart) {
      goElsewhere(-1);
      return;
    }
    registers.saveBudget();
    if (returned != null && returned.isPointer()) {
      code.aload(0);
      registers.loadObject(0);
      code.putfield(Registers.RUN, "returned", CD_Object);
    }
    registers.loadNumber(0);
    code.lreturn();
  }
}
