package io.sluice.bpf.verify;

import io.sluice.bpf.isa.Instruction;
import io.sluice.bpf.isa.Opcode;
import io.sluice.bpf.isa.RejectedException;
import io.sluice.bpf.object.MapSpec;
import io.sluice.bpf.object.Reference;
import io.sluice.bpf.run.ContextField;
import io.sluice.bpf.run.Run;
import io.sluice.bpf.run.SocketFields;
import org.jspecify.annotations.Nullable;

/** What loads give and stores leave, and whether they may be. */
final class MemoryRules {
  private final Verifier verifier;

  MemoryRules(Verifier verifier) {
    this.verifier = verifier;
  }

  /** What a 64-bit load gives. */
  RegisterType reference(int index, Instruction it) {
    return switch (verifier.program.reference(index)) {
      case null ->
          RegisterType.constant(
              verifier.program.word(index + 1) & 0xffff_ffff_0000_0000L
                  | it.immediate() & 0xffff_ffffL);
      case Reference.ToMap(MapSpec map) ->
          new RegisterType(RegisterType.Kind.MAP, false, 0, map, false, -1);
      case Reference.ToValue(MapSpec map, int offset) ->
          RegisterType.at(RegisterType.Kind.VALUE, offset, map);
      case Reference.ToFunction(int start) ->
          RegisterType.at(RegisterType.Kind.FUNCTION, start, null);
    };
  }

  RegisterType load(int index, Instruction it, State state) throws RejectedException {
    RegisterType base = verifier.use(index, state, it.source());
    int size = it.size();
    boolean whole = size == Long.BYTES;
    checkNotNull(index, it.source(), base);
    return switch (base.kind()) {
      case STACK -> loadFromStack(index, base, it.offset(), size, state);
      case VALUE -> {
        checkValue(index, base, it.offset(), size);
        Long constant = it.mode() == Opcode.MEM ? constant(base, it.offset(), size) : null;
        yield constant == null ? RegisterType.SCALAR : RegisterType.constant(constant);
      }
      case MEMORY -> whole && verifier.spillsDynamically ? RegisterType.ANY : RegisterType.SCALAR;
      case ANY -> whole ? RegisterType.ANY : RegisterType.SCALAR;
      case RECORD, PACKET -> RegisterType.SCALAR;
      case SOCKET -> {
        if (!SocketFields.isReadable(it.offset(), size)) {
          verifier.reject(
              index, "invalid bpf_sock access off=%d size=%d".formatted(it.offset(), size));
        }
        yield RegisterType.SCALAR;
      }
      case CONTEXT -> loadFromContext(index, it);
      case UNINITIALISED, SCALAR, MAP, FUNCTION -> {
        verifier.reject(
            index, "R%d invalid mem access '%s'".formatted(it.source(), describe(base)));
        yield RegisterType.SCALAR;
      }
    };
  }

  private static String describe(RegisterType base) {
    return base.kind() == RegisterType.Kind.SCALAR ? "scalar" : base.toString();
  }

  private RegisterType loadFromContext(int index, Instruction it) throws RejectedException {
    ContextField field =
        it.mode() == Opcode.MEM ? verifier.type.field(it.offset(), it.size()) : null;
    if (field == null) {
      verifier.reject(
          index,
          "invalid bpf_context access off=%d size=%d: %s programs can't read that"
              .formatted(it.offset(), it.size(), verifier.type));
      return RegisterType.SCALAR;
    }
    return switch (field.kind()) {
      case NUMBER -> RegisterType.SCALAR;
      case SOCKET -> new RegisterType(RegisterType.Kind.SOCKET, false, 0, null, true, -1);
      case PACKET, PACKET_END -> RegisterType.of(RegisterType.Kind.PACKET);
    };
  }

  private RegisterType loadFromStack(
      int index, RegisterType base, int offset, int size, State state) throws RejectedException {
    if (!base.known()) {
      return size == Long.BYTES && verifier.spillsDynamically
          ? RegisterType.ANY
          : RegisterType.SCALAR;
    }
    if (!isOnStack(index, base.value() + offset, size)) {
      return RegisterType.SCALAR;
    }
    int at = (int) base.value() + offset;
    if (!state.mayBeWritten(at, size)) {
      verifier.reject(
          index,
          "invalid read from stack off %d size %d: nothing was written there".formatted(at, size));
    }
    RegisterType slot = state.slots().get(at);
    if (size < Long.BYTES || slot == null) {
      return size == Long.BYTES && verifier.spillsDynamically && (at & 7) == 0
          ? loadedAs(at, RegisterType.ANY)
          : RegisterType.SCALAR;
    }
    return loadedAs(at, slot);
  }

  private RegisterType loadedAs(int offset, RegisterType type) {
    if (type.isPointer()) {
      verifier.loadedSlots.add(offset);
    }
    return type;
  }

  private boolean isOnStack(int index, long at, int size) throws RejectedException {
    if (at < -Run.FRAME_BYTES || at + size > 0) {
      verifier.reject(
          index,
          "invalid stack access off=%d size=%d: a function has %d bytes below its frame pointer"
              .formatted(at, size, Run.FRAME_BYTES));
      return false;
    }
    return true;
  }

  private void checkNotNull(int index, int register, RegisterType base) throws RejectedException {
    if (base.nullable()) {
      verifier.reject(
          index,
          "R%d invalid mem access '%s': it may be null; compare it with 0 first"
              .formatted(register, base));
    }
  }

  private void checkValue(int index, RegisterType base, int offset, int size)
      throws RejectedException {
    MapSpec map = base.map();
    if (map == null || !base.known()) {
      return; // checked when it runs
    }
    long at = base.value() + offset;
    if (at < 0 || at + size > map.valueSize()) {
      verifier.reject(
          index,
          "invalid access to the value of map %s: value_size=%d off=%d size=%d"
              .formatted(map, map.valueSize(), at, size));
    }
  }

  /**
   * A constant of .rodata, which nothing changes once the program is loaded; null if it is none.
   */
  static @Nullable Long constant(RegisterType base, int offset, int size) {
    MapSpec map = base.map();
    if (map == null || !base.known() || base.nullable() || !map.isReadOnly()) {
      return null;
    }
    byte[] contents = map.contents();
    long at = base.value() + offset;
    if (contents == null || at < 0 || at + size > contents.length) {
      return null;
    }
    long value = 0;
    for (int i = size - 1; i >= 0; i--) {
      value = value << 8 | contents[(int) at + i] & 0xff;
    }
    return value;
  }

  void store(int index, Instruction it, State state) throws RejectedException {
    RegisterType base = verifier.use(index, state, it.destination());
    RegisterType value =
        it.instructionClass() == Opcode.STX
            ? verifier.use(index, state, it.source())
            : RegisterType.constant(it.immediate());
    checkNotNull(index, it.destination(), base);
    int size = it.size();
    switch (base.kind()) {
      case STACK -> storeToStack(index, it, base, value, state);
      case VALUE -> {
        checkValue(index, base, it.offset(), size);
        checkWritable(index, base.map());
        lintPointer(index, value);
      }
      case RECORD, MEMORY, ANY -> {}
      case PACKET ->
          verifier.reject(
              index, "cannot write into packet: %s programs only read it".formatted(verifier.type));
      case CONTEXT ->
          verifier.reject(
              index,
              "invalid bpf_context access off=%d size=%d: %s programs can't write to it"
                  .formatted(it.offset(), size, verifier.type));
      case UNINITIALISED, SCALAR, MAP, SOCKET, FUNCTION ->
          verifier.reject(
              index, "R%d invalid mem access '%s'".formatted(it.destination(), describe(base)));
    }
    if (it.isAtomic()) {
      atomic(index, it, value, state);
    }
  }

  private void atomic(int index, Instruction it, RegisterType value, State state)
      throws RejectedException {
    if (value.isPointer() && !value.isAny()) {
      verifier.reject(index, "R" + it.source() + " leaks a pointer into memory");
    }
    if (it.immediate() == Opcode.CMPXCHG) {
      RegisterType _ = verifier.use(index, state, 0);
      verifier.result(index, state, 0, RegisterType.SCALAR);
    } else if ((it.immediate() & Opcode.FETCH) != 0) {
      verifier.result(index, state, it.source(), RegisterType.SCALAR);
    }
  }

  private void storeToStack(
      int index, Instruction it, RegisterType base, RegisterType value, State state)
      throws RejectedException {
    if (!base.known()) {
      state.writeSomewhere();
      return;
    }
    if (!isOnStack(index, base.value() + it.offset(), it.size())) {
      return;
    }
    int at = (int) base.value() + it.offset();
    if (it.size() == Long.BYTES && (at & 7) == 0 && !it.isAtomic()) {
      state.slot(at, value);
    } else {
      state.overwrite(at, it.size());
    }
  }

  void checkWritable(int index, @Nullable MapSpec map) throws RejectedException {
    if (map != null && map.isReadOnly()) {
      verifier.reject(index, "write into map %s forbidden: it is read only".formatted(map));
    }
  }

  private void lintPointer(int index, RegisterType value) {
    if (value.isPointer() && !value.isAny()) {
      verifier.lint(index, "stores a pointer as a number: it isn't the kernel's");
    }
  }
}
