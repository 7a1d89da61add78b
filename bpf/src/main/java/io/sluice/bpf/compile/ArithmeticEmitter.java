package io.sluice.bpf.compile;

import static java.lang.constant.ConstantDescs.CD_Integer;
import static java.lang.constant.ConstantDescs.CD_Long;
import static java.lang.constant.ConstantDescs.CD_Object;
import static java.lang.constant.ConstantDescs.CD_Short;
import static java.lang.constant.ConstantDescs.CD_boolean;
import static java.lang.constant.ConstantDescs.CD_int;
import static java.lang.constant.ConstantDescs.CD_long;
import static java.lang.constant.ConstantDescs.CD_short;

import io.sluice.bpf.isa.Arithmetic;
import io.sluice.bpf.isa.Instruction;
import io.sluice.bpf.isa.Opcode;
import io.sluice.bpf.run.Memory;
import io.sluice.bpf.verify.RegisterType;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;

/** Arithmetic and comparisons of one function. */
final class ArithmeticEmitter {
  private static final ClassDesc ARITHMETIC = Registers.descriptor(Arithmetic.class);
  private static final ClassDesc MEMORY = Registers.descriptor(Memory.class);
  private static final long LOW = 0xffff_ffffL;
  private static final MethodTypeDesc OF_LONGS = MethodTypeDesc.of(CD_long, CD_long, CD_long);
  private static final MethodTypeDesc OF_INTS = MethodTypeDesc.of(CD_int, CD_int, CD_int);
  private static final MethodTypeDesc OF_OBJECTS =
      MethodTypeDesc.of(CD_Object, CD_Object, CD_Object);

  private final CodeBuilder code;
  private final Registers registers;

  ArithmeticEmitter(CodeBuilder code, Registers registers) {
    this.code = code;
    this.registers = registers;
  }

  /** The number, and where pointers move, the object that a register gets. */
  void emit(Instruction it, RegisterType left, RegisterType right) {
    switch (it.code()) {
      case Opcode.MOV -> move(it);
      case Opcode.END -> swap(it);
      case Opcode.NEG -> negate(it);
      default -> operate(it, left, right);
    }
  }

  private void move(Instruction it) {
    int to = it.destination();
    if (!it.isRegisterSource()) {
      code.loadConstant(it.isWide() ? (long) it.immediate() : it.immediate() & LOW);
      registers.storeNumber(to);
      return;
    }
    registers.loadNumber(it.source());
    extend(it.offset());
    if (!it.isWide()) {
      code.loadConstant(LOW).land();
    }
    registers.storeNumber(to);
    if (it.isWide() && it.offset() == 0) {
      registers.loadObject(it.source());
      registers.storeObject(to);
    }
  }

  /** Sign-extends so many bits of the number on the stack; 0 are all. */
  void extend(int bits) {
    switch (bits) {
      case 8 -> code.l2i().i2b().i2l();
      case 16 -> code.l2i().i2s().i2l();
      case 32 -> code.l2i().i2l();
      default -> {}
    }
  }

  private void swap(Instruction it) {
    boolean swaps = it.isWide() || it.isRegisterSource(); // we are little-endian
    registers.loadNumber(it.destination());
    switch (it.immediate()) {
      case 16 -> {
        code.l2i().i2s();
        if (swaps) {
          code.invokestatic(CD_Short, "reverseBytes", MethodTypeDesc.of(CD_short, CD_short));
        }
        code.loadConstant(0xffff).iand().i2l();
      }
      case 32 -> {
        code.l2i();
        if (swaps) {
          code.invokestatic(CD_Integer, "reverseBytes", MethodTypeDesc.of(CD_int, CD_int));
        }
        code.i2l().loadConstant(LOW).land();
      }
      default -> {
        if (swaps) {
          code.invokestatic(CD_Long, "reverseBytes", MethodTypeDesc.of(CD_long, CD_long));
        }
      }
    }
    registers.storeNumber(it.destination());
  }

  private void negate(Instruction it) {
    registers.loadNumber(it.destination());
    code.lneg();
    if (!it.isWide()) {
      code.loadConstant(LOW).land();
    }
    registers.storeNumber(it.destination());
  }

  private void operate(Instruction it, RegisterType left, RegisterType right) {
    int to = it.destination();
    if (it.isWide() && (it.code() == Opcode.ADD || it.code() == Opcode.SUB)) {
      moveObject(it, left, right);
    }
    boolean shifts = it.code() == Opcode.LSH || it.code() == Opcode.RSH || it.code() == Opcode.ARSH;
    registers.loadNumber(to);
    if (!it.isWide()) {
      code.l2i();
    }
    if (it.isRegisterSource()) {
      registers.loadNumber(it.source());
      if (!it.isWide() || shifts) {
        code.l2i();
      }
    } else if (shifts || !it.isWide()) {
      code.loadConstant(it.immediate());
    } else {
      code.loadConstant((long) it.immediate());
    }
    if (it.isWide()) {
      operateLongs(it);
    } else {
      operateInts(it);
      code.i2l().loadConstant(LOW).land();
    }
    registers.storeNumber(to);
  }

  private void moveObject(Instruction it, RegisterType left, RegisterType right) {
    if (!it.isRegisterSource()) {
      return; // a pointer that is moved points into the same
    }
    if (left.isAny() || right.isAny()) {
      registers.loadObject(it.destination());
      registers.loadObject(it.source());
      code.invokestatic(MEMORY, it.code() == Opcode.ADD ? "sum" : "difference", OF_OBJECTS);
      registers.storeObject(it.destination());
    } else if (!left.isPointer() && right.isPointer()) {
      registers.loadObject(it.source());
      registers.storeObject(it.destination());
    }
  }

  private void operateLongs(Instruction it) {
    boolean signed = it.offset() != 0;
    switch (it.code()) {
      case Opcode.ADD -> code.ladd();
      case Opcode.SUB -> code.lsub();
      case Opcode.MUL -> code.lmul();
      case Opcode.DIV ->
          code.invokestatic(ARITHMETIC, signed ? "divideSigned" : "divide", OF_LONGS);
      case Opcode.MOD ->
          code.invokestatic(ARITHMETIC, signed ? "remainderSigned" : "remainder", OF_LONGS);
      case Opcode.OR -> code.lor();
      case Opcode.AND -> code.land();
      case Opcode.XOR -> code.lxor();
      case Opcode.LSH -> code.lshl();
      case Opcode.RSH -> code.lushr();
      default -> code.lshr();
    }
  }

  private void operateInts(Instruction it) {
    boolean signed = it.offset() != 0;
    switch (it.code()) {
      case Opcode.ADD -> code.iadd();
      case Opcode.SUB -> code.isub();
      case Opcode.MUL -> code.imul();
      case Opcode.DIV -> code.invokestatic(ARITHMETIC, signed ? "divideSigned" : "divide", OF_INTS);
      case Opcode.MOD ->
          code.invokestatic(ARITHMETIC, signed ? "remainderSigned" : "remainder", OF_INTS);
      case Opcode.OR -> code.ior();
      case Opcode.AND -> code.iand();
      case Opcode.XOR -> code.ixor();
      case Opcode.LSH -> code.ishl();
      case Opcode.RSH -> code.iushr();
      default -> code.ishr();
    }
  }

  /** Goes to a label if a comparison holds. */
  void compare(Instruction it, RegisterType left, RegisterType right, Label target) {
    boolean equality = it.code() == Opcode.JEQ || it.code() == Opcode.JNE;
    boolean pointers = left.isPointer() || right.isPointer();
    if (it.isWide() && equality && pointers) {
      comparePointers(it, left, right, target);
    } else if (it.isWide()) {
      compareLongs(it, target);
    } else {
      compareInts(it, target);
    }
  }

  private void comparePointers(
      Instruction it, RegisterType left, RegisterType right, Label target) {
    boolean ifEqual = it.code() == Opcode.JEQ;
    registers.loadObject(it.destination());
    if (right.isZero() && !left.isAny()) {
      if (ifEqual) {
        code.ifnull(target);
      } else {
        code.ifnonnull(target);
      }
      return;
    }
    registers.loadNumber(it.destination());
    if (it.isRegisterSource()) {
      loadComparable(it.source(), right);
      code.invokestatic(
          MEMORY, "same", MethodTypeDesc.of(CD_boolean, CD_Object, CD_long, CD_Object, CD_long));
    } else {
      code.loadConstant((long) it.immediate())
          .invokestatic(
              MEMORY, "isNumber", MethodTypeDesc.of(CD_boolean, CD_Object, CD_long, CD_long));
    }
    if (ifEqual) {
      code.ifne(target);
    } else {
      code.ifeq(target);
    }
  }

  /** A register's object and number; a number's object may be stale, so it is null. */
  private void loadComparable(int register, RegisterType type) {
    if (type.isPointer()) {
      registers.loadObject(register);
    } else {
      code.aconst_null();
    }
    registers.loadNumber(register);
  }

  private void compareLongs(Instruction it, Label target) {
    registers.loadNumber(it.destination());
    if (it.isRegisterSource()) {
      registers.loadNumber(it.source());
    } else {
      code.loadConstant((long) it.immediate());
    }
    if (it.code() == Opcode.JSET) {
      code.land().lconst_0().lcmp().ifne(target);
      return;
    }
    if (isUnsigned(it)) {
      code.invokestatic(CD_Long, "compareUnsigned", MethodTypeDesc.of(CD_int, CD_long, CD_long));
    } else {
      code.lcmp();
    }
    branch(it, target);
  }

  private void compareInts(Instruction it, Label target) {
    registers.loadNumber(it.destination());
    code.l2i();
    if (it.isRegisterSource()) {
      registers.loadNumber(it.source());
      code.l2i();
    } else {
      code.loadConstant(it.immediate());
    }
    if (it.code() == Opcode.JSET) {
      code.iand().ifne(target);
      return;
    }
    if (isUnsigned(it)) {
      code.invokestatic(CD_Integer, "compareUnsigned", MethodTypeDesc.of(CD_int, CD_int, CD_int));
      branch(it, target);
      return;
    }
    switch (it.code()) {
      case Opcode.JEQ -> code.if_icmpeq(target);
      case Opcode.JNE -> code.if_icmpne(target);
      case Opcode.JSGT -> code.if_icmpgt(target);
      case Opcode.JSGE -> code.if_icmpge(target);
      case Opcode.JSLT -> code.if_icmplt(target);
      default -> code.if_icmple(target);
    }
  }

  private static boolean isUnsigned(Instruction it) {
    return switch (it.code()) {
      case Opcode.JGT, Opcode.JGE, Opcode.JLT, Opcode.JLE -> true;
      default -> false;
    };
  }

  /** By the sign of the number on the stack. */
  private void branch(Instruction it, Label target) {
    switch (it.code()) {
      case Opcode.JEQ -> code.ifeq(target);
      case Opcode.JNE -> code.ifne(target);
      case Opcode.JGT, Opcode.JSGT -> code.ifgt(target);
      case Opcode.JGE, Opcode.JSGE -> code.ifge(target);
      case Opcode.JLT, Opcode.JSLT -> code.iflt(target);
      default -> code.ifle(target);
    }
  }
}
