package io.sluice.bpf.compile;

import static java.lang.constant.ConstantDescs.CD_Object;
import static java.lang.constant.ConstantDescs.CD_long;
import static java.lang.constant.ConstantDescs.CD_void;
import static java.lang.constant.ConstantDescs.MTD_void;

import io.sluice.bpf.isa.Instruction;
import io.sluice.bpf.isa.Opcode;
import io.sluice.bpf.run.Argument;
import io.sluice.bpf.run.Helper;
import io.sluice.bpf.verify.RegisterType;
import io.sluice.bpf.verify.Verified;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import java.util.ArrayList;
import java.util.List;

/** Calls of one function: of helpers, and of the program's own functions. */
final class CallEmitter {
  private final CodeBuilder code;
  private final Registers registers;
  private final Verified verified;
  private final ClassDesc owner;

  CallEmitter(CodeBuilder code, Registers registers, Verified verified, ClassDesc owner) {
    this.code = code;
    this.registers = registers;
    this.verified = verified;
    this.owner = owner;
  }

  void emit(int index, Instruction it, boolean mixesKinds) {
    code.iinc(registers.budget, -1);
    if (it.source() == Opcode.CALL_LOCAL) {
      checkBudget();
      callFunction(index + 1 + it.immediate(), mixesKinds);
      return;
    }
    Helper helper = Helper.of(it.immediate());
    if (helper == null) {
      throw new IllegalStateException("verified: helper " + it.immediate());
    }
    if (helper == Helper.LOOP) {
      loop((int) verified.register(index, 2).value());
    } else {
      callHelper(helper);
    }
    boolean givesObject =
        helper.result() == Helper.Result.OF_MAP || helper.result() == Helper.Result.RECORD;
    if (mixesKinds && !givesObject) {
      registers.clearObject(0);
    }
  }

  private void checkBudget() {
    Label left = code.newLabel();
    code.iload(registers.budget).ifge(left);
    code.invokestatic(FunctionEmitter.TRAP, "overBudget", MethodTypeDesc.of(FunctionEmitter.TRAP));
    code.athrow().labelBinding(left);
  }

  private void callHelper(Helper helper) {
    List<ClassDesc> parameters = new ArrayList<>(List.of(Registers.RUN));
    code.aload(0);
    int register = 1;
    for (Argument argument : helper.arguments()) {
      if (argument.hasObject()) {
        registers.loadObject(register);
        parameters.add(CD_Object);
      }
      if (argument.hasNumber()) {
        registers.loadNumber(register);
        parameters.add(CD_long);
      }
      register++;
    }
    boolean givesObject =
        helper.result() == Helper.Result.OF_MAP || helper.result() == Helper.Result.RECORD;
    ClassDesc result =
        helper.result() == Helper.Result.NOTHING ? CD_void : givesObject ? CD_Object : CD_long;
    code.invokestatic(
        Registers.descriptor(helper.methods()),
        helper.method(),
        MethodTypeDesc.of(result, parameters));
    if (givesObject) {
      registers.storeObject(0);
    }
    if (!result.equals(CD_long)) {
      code.lconst_0();
    }
    registers.storeNumber(0);
  }

  private void callFunction(int first, boolean mixesKinds) {
    enter();
    code.aload(0);
    for (int i = 1; i <= 5; i++) {
      registers.loadObject(i);
    }
    for (int i = 1; i <= 5; i++) {
      registers.loadNumber(i);
    }
    code.invokestatic(owner, ProgramCompiler.method(first), Registers.FUNCTION);
    registers.storeNumber(0);
    leave();
    RegisterType returned = verified.returned(first);
    if (returned != null && returned.isPointer()) {
      code.aload(0).getfield(Registers.RUN, "returned", CD_Object);
      registers.storeObject(0);
    } else if (mixesKinds || returned != null && returned.isZero()) {
      registers.clearObject(0);
    }
  }

  private void enter() {
    registers.saveBudget();
    code.aload(0).invokevirtual(Registers.RUN, "enter", MTD_void);
  }

  private void leave() {
    code.aload(0).invokevirtual(Registers.RUN, "leave", MTD_void);
    registers.loadBudget();
  }

  /** bpf_loop: how many turns it made, or what the kernel refuses. */
  private void loop(int callback) {
    Label top = code.newLabel();
    Label end = code.newLabel();
    Label done = code.newLabel();
    Label refused = code.newLabel();
    registers.loadNumber(4);
    code.lconst_0().lcmp().ifne(refused);
    registers.loadNumber(1);
    code.l2i().i2l().loadConstant(0xffff_ffffL).land();
    registers.storeNumber(1);
    registers.loadNumber(1);
    code.loadConstant(8L << 20).lcmp().ifgt(end);
    code.lconst_0().lstore(registers.turn);
    code.labelBinding(top).lload(registers.turn);
    registers.loadNumber(1);
    code.lcmp().ifge(done);
    code.iinc(registers.budget, -1);
    checkBudget();
    enter();
    code.aload(0).aconst_null();
    registers.loadObject(3);
    code.aconst_null().aconst_null().aconst_null().lload(registers.turn);
    registers.loadNumber(3);
    code.lconst_0().lconst_0().lconst_0();
    code.invokestatic(owner, ProgramCompiler.method(callback), Registers.FUNCTION);
    registers.storeNumber(0);
    leave();
    code.lload(registers.turn).lconst_1().ladd().lstore(registers.turn);
    registers.loadNumber(0);
    code.lconst_0().lcmp().ifeq(top);
    code.labelBinding(done).lload(registers.turn);
    registers.storeNumber(0);
    Label after = code.newLabel();
    code.goto_(after);
    code.labelBinding(end).loadConstant(-7L); // E2BIG
    registers.storeNumber(0);
    code.goto_(after);
    code.labelBinding(refused).loadConstant(-22L); // EINVAL
    registers.storeNumber(0);
    code.labelBinding(after);
  }
}
