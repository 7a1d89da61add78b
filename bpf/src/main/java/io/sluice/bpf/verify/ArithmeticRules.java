package io.sluice.bpf.verify;

import io.sluice.bpf.isa.Arithmetic;
import io.sluice.bpf.isa.Instruction;
import io.sluice.bpf.isa.Opcode;
import io.sluice.bpf.isa.RejectedException;

/** What arithmetic gives: a number, or a pointer that was moved. */
final class ArithmeticRules {
  private ArithmeticRules() {}

  static RegisterType result(Verifier verifier, int index, Instruction it, State state)
      throws RejectedException {
    int code = it.code();
    RegisterType right =
        it.isRegisterSource() && code != Opcode.END
            ? verifier.use(index, state, it.source())
            : RegisterType.constant(it.immediate());
    if (code == Opcode.MOV) {
      return moved(verifier, index, it, right);
    }
    RegisterType left = verifier.use(index, state, it.destination());
    boolean movesPointers = it.isWide() && (code == Opcode.ADD || code == Opcode.SUB);
    if (movesPointers && (left.isPointer() || right.isPointer())) {
      return shifted(verifier, index, code == Opcode.ADD, left, right);
    }
    if (left.isAny() || right.isAny()) {
      return RegisterType.SCALAR;
    }
    if (left.isPointer() || right.isPointer()) {
      if (it.isWide() || code != Opcode.SUB) {
        verifier.reject(
            index,
            "arithmetic of this kind on a pointer ("
                + (left.isPointer() ? left : right)
                + "): only a number can be added or subtracted");
      }
      return RegisterType.SCALAR; // the lower half of a difference
    }
    return left.known() && right.known()
        ? RegisterType.constant(Arithmetic.result(it, left.value(), right.value()))
        : RegisterType.SCALAR;
  }

  private static RegisterType moved(
      Verifier verifier, int index, Instruction it, RegisterType from) {
    if (it.isWide() && it.offset() == 0) {
      return from;
    }
    if (from.isPointer()) {
      if (!from.isAny() && from.kind() != RegisterType.Kind.PACKET) {
        verifier.lint(index, "takes a part of a pointer as a number: it isn't the kernel's");
      }
      return RegisterType.SCALAR;
    }
    return from.known()
        ? RegisterType.constant(Arithmetic.result(it, 0, from.value()))
        : RegisterType.SCALAR;
  }

  private static RegisterType shifted(
      Verifier verifier, int index, boolean adds, RegisterType left, RegisterType right)
      throws RejectedException {
    if (left.isAny() || right.isAny()) {
      return RegisterType.ANY;
    }
    if (left.isPointer() && right.isPointer()) {
      if (adds) {
        verifier.reject(index, "pointer += pointer prohibited");
      }
      return RegisterType.SCALAR;
    }
    RegisterType pointer = left.isPointer() ? left : right;
    RegisterType number = left.isPointer() ? right : left;
    if (!left.isPointer() && !adds) {
      verifier.reject(index, "a pointer (" + pointer + ") can't be subtracted from a number");
    }
    if (!pointer.isMemory()) {
      if (number.isZero()) {
        return pointer;
      }
      verifier.reject(
          index,
          "pointer arithmetic on "
              + pointer
              + " prohibited"
              + (pointer.kind() == RegisterType.Kind.CONTEXT
                  ? ": clang computed an address in it; keep the loads apart with asm volatile"
                  : ""));
      return pointer;
    }
    if (pointer.nullable()) {
      verifier.reject(
          index, "pointer arithmetic on " + pointer + " prohibited: null-check it first");
    }
    boolean known = pointer.known() && number.known();
    return pointer.moved(known, pointer.value() + (adds ? number.value() : -number.value()));
  }
}
