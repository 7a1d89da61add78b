package io.sluice.bpf.compile;

import static java.lang.constant.ConstantDescs.CD_Object;
import static java.lang.constant.ConstantDescs.CD_int;
import static java.lang.constant.ConstantDescs.CD_long;
import static java.lang.constant.ConstantDescs.CD_void;

import io.sluice.bpf.isa.Instruction;
import io.sluice.bpf.isa.Opcode;
import io.sluice.bpf.run.ContextField;
import io.sluice.bpf.run.Memory;
import io.sluice.bpf.run.SocketFields;
import io.sluice.bpf.verify.RegisterType;
import io.sluice.bpf.verify.Verified;
import io.sluice.steering.map.MapValue;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import org.jspecify.annotations.Nullable;

/** Loads and stores of one function. */
final class MemoryEmitter {
  private static final ClassDesc MEMORY = Registers.descriptor(Memory.class);
  private static final ClassDesc VALUE = Registers.descriptor(MapValue.class);
  private static final ClassDesc SOCKETS = Registers.descriptor(SocketFields.class);

  private final CodeBuilder code;
  private final Registers registers;
  private final Verified verified;
  private final boolean isMain;

  MemoryEmitter(CodeBuilder code, Registers registers, Verified verified, boolean isMain) {
    this.code = code;
    this.registers = registers;
    this.verified = verified;
    this.isMain = isMain;
  }

  void load(int index, Instruction it, RegisterType base) {
    RegisterType result = verified.result(index);
    switch (base.kind()) {
      case CONTEXT -> loadFromContext(it);
      case SOCKET -> {
        registers.loadObject(it.source());
        code.loadConstant(it.offset()).loadConstant(it.size());
        code.invokestatic(SOCKETS, "load", MethodTypeDesc.of(CD_long, CD_Object, CD_int, CD_int));
        signExtend(it);
        registers.storeNumber(it.destination());
      }
      default -> {
        if (result != null && result.known() && !result.isPointer()) {
          code.loadConstant(result.value()); // of .rodata, or what was just stored
          registers.storeNumber(it.destination());
        } else if (base.isAny() && field(it) != null) {
          loadFromContextOrMemory(it, base, result != null && result.isPointer());
        } else {
          loadFromMemory(it, base, result != null && result.isPointer());
        }
      }
    }
  }

  private @Nullable ContextField field(Instruction it) {
    return it.mode() == Opcode.MEM ? verified.type().field(it.offset(), it.size()) : null;
  }

  /** Of what is a pointer to the context perhaps, which came back from the stack. */
  private void loadFromContextOrMemory(Instruction it, RegisterType base, boolean asPointer) {
    Label other = code.newLabel();
    Label done = code.newLabel();
    registers.loadObject(it.source());
    code.aload(0).invokevirtual(Registers.RUN, "context", MethodTypeDesc.of(CD_Object));
    code.if_acmpne(other);
    registers.loadNumber(it.source());
    code.lconst_0().lcmp().ifne(other);
    loadFromContext(it);
    code.goto_(done).labelBinding(other);
    loadFromMemory(it, base, asPointer);
    code.labelBinding(done);
  }

  private void loadFromContext(Instruction it) {
    ContextField field = field(it);
    if (field == null) {
      throw new IllegalStateException("verified: " + it);
    }
    ClassDesc accessors = Registers.descriptor(field.accessors());
    code.aload(0);
    switch (field.kind()) {
      case NUMBER -> {
        code.invokestatic(accessors, field.accessor(), MethodTypeDesc.of(CD_long, Registers.RUN));
        if (field.shift() != 0) {
          code.loadConstant(field.shift()).lushr();
        }
        if (field.size() < Integer.BYTES) {
          code.loadConstant(field.mask()).land();
        }
        registers.storeNumber(it.destination());
      }
      case SOCKET, PACKET -> {
        code.invokestatic(accessors, field.accessor(), MethodTypeDesc.of(CD_Object, Registers.RUN));
        registers.storeObject(it.destination());
        code.lconst_0();
        registers.storeNumber(it.destination());
      }
      case PACKET_END -> {
        code.invokestatic(accessors, field.accessor(), MethodTypeDesc.of(CD_Object, Registers.RUN));
        code.dup();
        registers.storeObject(it.destination());
        code.invokestatic(MEMORY, "end", MethodTypeDesc.of(CD_long, CD_Object));
        registers.storeNumber(it.destination());
      }
    }
  }

  private void loadFromMemory(Instruction it, RegisterType base, boolean asPointer) {
    if (asPointer) { // before the register that leads there is overwritten
      loadSpilled(it, base);
      code.astore(registers.held);
    }
    ClassDesc owner = loadBase(it.source(), base, it.offset());
    code.invokestatic(MEMORY, "load" + it.size(), MethodTypeDesc.of(CD_long, owner, CD_long));
    signExtend(it);
    registers.storeNumber(it.destination());
    if (asPointer) {
      code.aload(registers.held);
      registers.storeObject(it.destination());
    }
  }

  private void loadSpilled(Instruction it, RegisterType base) {
    code.aload(0);
    ClassDesc _ = loadGenerically(it.source(), base, it.offset());
    code.invokestatic(
        MEMORY, "spilled", MethodTypeDesc.of(CD_Object, Registers.RUN, CD_Object, CD_long));
  }

  private void signExtend(Instruction it) {
    if (it.mode() == Opcode.MEMSX) {
      switch (it.size()) {
        case 1 -> code.l2i().i2b().i2l();
        case 2 -> code.l2i().i2s().i2l();
        default -> code.l2i().i2l();
      }
    }
  }

  /** Puts what is accessed and the offset in it on the stack; says as what. */
  private ClassDesc loadBase(int register, RegisterType base, int offset) {
    return switch (base.kind()) {
      case STACK -> {
        code.aload(registers.stack);
        if (base.known()) {
          registers.loadFrameAddress(isMain, (int) base.value() + offset);
        } else {
          registers.loadAddress(register, offset);
        }
        yield Registers.BYTES;
      }
      case VALUE -> {
        registers.loadObject(register);
        code.checkcast(VALUE);
        registers.loadAddress(register, offset);
        yield VALUE;
      }
      case RECORD -> {
        registers.loadObject(register);
        code.checkcast(Registers.BYTES);
        registers.loadAddress(register, offset);
        yield Registers.BYTES;
      }
      default -> {
        registers.loadObject(register);
        registers.loadAddress(register, offset);
        yield CD_Object;
      }
    };
  }

  private ClassDesc loadGenerically(int register, RegisterType base, int offset) {
    if (base.kind() == RegisterType.Kind.STACK) {
      return loadBase(register, base, offset);
    }
    registers.loadObject(register);
    registers.loadAddress(register, offset);
    return CD_Object;
  }

  void store(Instruction it, RegisterType base, RegisterType value) {
    if (it.isAtomic()) {
      atomic(it, base);
      return;
    }
    spill(it, base, value);
    ClassDesc owner = loadBase(it.destination(), base, it.offset());
    if (it.instructionClass() == Opcode.STX) {
      registers.loadNumber(it.source());
    } else {
      code.loadConstant((long) it.immediate());
    }
    code.invokestatic(
        MEMORY, "store" + it.size(), MethodTypeDesc.of(CD_void, owner, CD_long, CD_long));
  }

  /** Keeps a pointer's object beside its offset, where somebody may load it. */
  private void spill(Instruction it, RegisterType base, RegisterType value) {
    boolean intoStack =
        base.kind() == RegisterType.Kind.STACK
            || base.kind() == RegisterType.Kind.MEMORY
            || base.isAny();
    if (!intoStack || !mayBeLoaded(it, base)) {
      return;
    }
    code.aload(0);
    ClassDesc _ = loadGenerically(it.destination(), base, it.offset());
    code.loadConstant(it.size());
    if (it.instructionClass() == Opcode.STX && value.isPointer()) {
      registers.loadObject(it.source());
    } else {
      code.aconst_null();
    }
    code.invokestatic(
        MEMORY,
        "spill",
        MethodTypeDesc.of(CD_void, Registers.RUN, CD_Object, CD_long, CD_int, CD_Object));
  }

  private boolean mayBeLoaded(Instruction it, RegisterType base) {
    return verified.spillsDynamically()
        || base.kind() == RegisterType.Kind.STACK
            && base.known()
            && it.size() == Long.BYTES
            && verified.isLoadedAsPointer((int) base.value() + it.offset());
  }

  private void atomic(Instruction it, RegisterType base) {
    if (mayBeLoaded(it, base)) {
      spill(it, base, RegisterType.SCALAR);
    }
    ClassDesc _ = loadGenerically(it.destination(), base, it.offset());
    code.loadConstant(it.size()).loadConstant(it.immediate());
    registers.loadNumber(it.source());
    registers.loadNumber(0);
    code.invokestatic(
        MEMORY,
        "atomic",
        MethodTypeDesc.of(CD_long, CD_Object, CD_long, CD_int, CD_int, CD_long, CD_long));
    if (it.immediate() == Opcode.CMPXCHG) {
      registers.storeNumber(0);
    } else if ((it.immediate() & Opcode.FETCH) != 0) {
      registers.storeNumber(it.source());
    } else {
      code.pop2();
    }
  }
}
