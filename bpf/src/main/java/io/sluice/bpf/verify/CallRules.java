package io.sluice.bpf.verify;

import io.sluice.bpf.isa.Instruction;
import io.sluice.bpf.isa.Opcode;
import io.sluice.bpf.isa.RejectedException;
import io.sluice.bpf.object.MapKind;
import io.sluice.bpf.object.MapSpec;
import io.sluice.bpf.run.Argument;
import io.sluice.bpf.run.Helper;
import io.sluice.bpf.run.HelperNames;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What calls take and give: of helpers, of functions of the program. */
final class CallRules {
  private final Verifier verifier;

  CallRules(Verifier verifier) {
    this.verifier = verifier;
  }

  void call(int index, Instruction it, State state) throws RejectedException {
    switch (it.source()) {
      case Opcode.CALL_LOCAL -> callFunction(index, it, state);
      case Opcode.CALL_HELPER -> callHelper(index, it.immediate(), state);
      default ->
          throw verifier.rejection(
              index, "calls of kernel functions (kfuncs) aren't supported: use a helper");
    }
  }

  private void callFunction(int index, Instruction it, State state) throws RejectedException {
    int first = index + 1 + it.immediate();
    verifier.enterFunction(index, first, state, 1, 2, 3, 4, 5);
    forgetStack(state, 1, 2, 3, 4, 5);
    state.clobber();
    RegisterType returned = verifier.returns.get(first);
    if (returned != null) { // else it hasn't been looked at yet, or never returns
      verifier.result(index, state, 0, returned.ofUnknownOrigin());
      verifier.flow(index, index + 1, state);
    }
  }

  /** What a function does to the stack of its caller, if it was handed a pointer to it. */
  private static void forgetStack(State state, int... arguments) {
    for (int register : arguments) {
      RegisterType.Kind kind = state.register(register).kind();
      if (kind == RegisterType.Kind.STACK || kind == RegisterType.Kind.ANY) {
        state.overwriteAll();
      }
    }
  }

  private void callHelper(int index, int number, State state) throws RejectedException {
    Helper helper = Helper.of(number);
    if (helper == null) {
      throw verifier.rejection(
          index,
          HelperNames.describe(number)
              + " isn't supported here: do without it, or attach the program in the kernel");
    }
    if (!helper.isFor(verifier.type)) {
      throw verifier.rejection(
          index,
          "%s is not for %s programs".formatted(HelperNames.describe(number), verifier.type));
    }
    if (helper.note() != null) {
      verifier.lint(index, helper + " " + helper.note());
    }
    List<Argument> arguments = helper.arguments();
    MapSpec map = null;
    for (int i = 0; i < arguments.size(); i++) {
      int register = i + 1;
      RegisterType given = argument(index, helper, state, register, arguments.get(i), map);
      if (arguments.get(i) == Argument.MAP) {
        map = given.map();
        checkMap(index, helper, given);
      }
    }
    release(index, helper, state);
    RegisterType result = result(index, helper, state.register(1));
    state.clobber();
    state.forget(index);
    if (acquires(result, helper)) {
      state.references().add(index);
    }
    verifier.result(index, state, 0, result);
    verifier.flow(index, index + 1, state);
  }

  private static boolean acquires(RegisterType result, Helper helper) {
    return helper.result() == Helper.Result.RECORD
        || helper == Helper.MAP_LOOKUP_ELEM && result.kind() == RegisterType.Kind.SOCKET;
  }

  private void release(int index, Helper helper, State state) throws RejectedException {
    boolean releases =
        helper == Helper.SK_RELEASE
            || helper == Helper.RINGBUF_SUBMIT
            || helper == Helper.RINGBUF_DISCARD;
    if (!releases) {
      return;
    }
    int origin = state.register(1).origin();
    if (state.references().remove(origin)) {
      return;
    }
    if (state.references().isEmpty() && !state.isBlurred()) {
      verifier.reject(index, "R1 is released, but wasn't acquired, or was released before");
    }
    state.blur();
    state.references().clear();
  }

  private RegisterType argument(
      int index, Helper helper, State state, int register, Argument argument, @Nullable MapSpec map)
      throws RejectedException {
    RegisterType given = verifier.use(index, state, register);
    switch (argument) {
      case CONTEXT -> expect(index, register, given, RegisterType.Kind.CONTEXT);
      case MAP -> expect(index, register, given, RegisterType.Kind.MAP);
      case SOCKET -> expect(index, register, given, RegisterType.Kind.SOCKET);
      case RECORD -> expect(index, register, given, RegisterType.Kind.RECORD);
      case SOCKET_OR_NULL -> {
        if (!given.isZero() && given.kind() != RegisterType.Kind.SOCKET && !given.isAny()) {
          mismatch(index, register, given, "socket or null");
        }
      }
      case KEY -> memory(index, state, register, given, sizeOf(map, true), false);
      case VALUE -> {
        if (map != null && holds(map) == MapKind.Values.SOCKETS) {
          expect(index, register, given, RegisterType.Kind.SOCKET);
        } else {
          memory(index, state, register, given, sizeOf(map, false), false);
        }
      }
      case READ, WRITE ->
          memory(
              index,
              state,
              register,
              given,
              constant(state.register(register + 1)),
              argument == Argument.WRITE);
      case FUNCTION -> callback(index, state, register, given);
      case SIZE -> {
        if (given.known() && (given.value() < 0 || given.value() > Integer.MAX_VALUE)) {
          verifier.reject(
              index, "R%d invalid size %d of memory".formatted(register, given.value()));
        }
        number(index, helper, register, given);
      }
      case NUMBER -> number(index, helper, register, given);
      case ANYTHING -> {}
    }
    return given;
  }

  private void number(int index, Helper helper, int register, RegisterType given) {
    if (given.isPointer() && !given.isAny()) {
      verifier.lint(
          index, "R%d of %s is a pointer, where a number goes".formatted(register, helper));
    }
  }

  private static int constant(RegisterType size) {
    return size.known() && size.kind() == RegisterType.Kind.SCALAR ? (int) size.value() : -1;
  }

  private static int sizeOf(@Nullable MapSpec map, boolean key) {
    return map == null ? -1 : key ? map.keySize() : map.valueSize();
  }

  /** A callback is entered with a number and what it is handed. */
  private void callback(int index, State state, int register, RegisterType given)
      throws RejectedException {
    expect(index, register, given, RegisterType.Kind.FUNCTION);
    if (given.kind() != RegisterType.Kind.FUNCTION || !given.known()) {
      verifier.reject(index, "R" + register + ": which function it is must be known");
      return;
    }
    State callee = state.copy();
    callee.register(1, RegisterType.SCALAR);
    callee.register(2, state.register(register + 1));
    verifier.enterFunction(index, (int) given.value(), callee, 1, 2);
    forgetStack(state, register + 1);
  }

  private void expect(int index, int register, RegisterType given, RegisterType.Kind kind)
      throws RejectedException {
    if (given.isAny()) {
      return; // looked at when it runs
    }
    if (given.kind() != kind) {
      mismatch(index, register, given, kind.name().toLowerCase(Locale.ROOT));
    } else if (given.nullable()) {
      verifier.reject(
          index, "R%d type=%s: it may be null; compare it with 0 first".formatted(register, given));
    }
  }

  private void mismatch(int index, int register, RegisterType given, String expected)
      throws RejectedException {
    String type = given.kind() == RegisterType.Kind.SCALAR ? "scalar" : given.toString();
    verifier.reject(index, "R%d type=%s expected=%s".formatted(register, type, expected));
  }

  private void memory(
      int index, State state, int register, RegisterType given, int size, boolean writes)
      throws RejectedException {
    if (size == 0 && given.isZero()) {
      return; // nothing, at null
    }
    if (!given.isMemory() && !given.isAny()) {
      mismatch(index, register, given, "memory");
      return;
    }
    if (given.nullable()) {
      verifier.reject(
          index, "R%d type=%s: it may be null; compare it with 0 first".formatted(register, given));
    }
    MapSpec map = given.map();
    if (given.kind() == RegisterType.Kind.VALUE && map != null) {
      checkRange(index, given, size, 0, map.valueSize(), "the value of map " + map);
      if (writes && map.isReadOnly()) {
        verifier.reject(index, "write into map %s forbidden: it is read only".formatted(map));
      }
    } else if (given.kind() == RegisterType.Kind.STACK) {
      checkRange(index, given, size, -512, 0, "the stack");
      stack(index, state, register, given, size, writes);
    }
  }

  private void stack(
      int index, State state, int register, RegisterType given, int size, boolean writes)
      throws RejectedException {
    boolean known =
        given.known() && size >= 0 && given.value() >= -512 && given.value() + size <= 0;
    if (writes) {
      if (known) {
        state.overwrite((int) given.value(), size);
      } else {
        state.writeSomewhere();
      }
    } else if (known && size > 0 && !state.mayBeWritten((int) given.value(), size)) {
      verifier.reject(
          index,
          "invalid indirect read from stack: R%d points at fp%+d, where nothing was written"
              .formatted(register, given.value()));
    }
  }

  private void checkRange(int index, RegisterType given, int size, int from, int to, String what)
      throws RejectedException {
    if (given.known() && size >= 0 && (given.value() < from || given.value() + size > to)) {
      verifier.reject(
          index,
          "invalid access to %s: off=%d size=%d leaves it (%d to %d)"
              .formatted(what, given.value(), size, from, to));
    }
  }

  private static MapKind.@Nullable Values holds(MapSpec map) {
    MapKind kind = map.kind();
    return kind == null ? null : kind.holds();
  }

  /** Whether a helper may be handed a map. */
  private void checkMap(int index, Helper helper, RegisterType given) throws RejectedException {
    MapSpec map = given.map();
    if (map == null) {
      return;
    }
    MapKind kind = map.kind();
    if (kind == null) {
      verifier.reject(
          index, "map %s is of type %d, which isn't supported".formatted(map, map.type()));
      return;
    }
    MapKind.Values holds = kind.holds();
    boolean fits =
        switch (helper) {
          case MAP_LOOKUP_ELEM -> holds != MapKind.Values.NONE;
          case MAP_UPDATE_ELEM, MAP_DELETE_ELEM ->
              holds == MapKind.Values.MEMORY || holds == MapKind.Values.SOCKETS;
          case RINGBUF_OUTPUT, RINGBUF_RESERVE, RINGBUF_QUERY -> kind == MapKind.RINGBUF;
          case PERF_EVENT_OUTPUT -> kind == MapKind.PERF_EVENT_ARRAY;
          default -> true;
        };
    if (!fits) {
      verifier.reject(index, "cannot pass map %s of type %s to %s".formatted(map, kind, helper));
    }
    if (helper == Helper.MAP_UPDATE_ELEM && map.isReadOnly()) {
      verifier.reject(index, "write into map %s forbidden: it is read only".formatted(map));
    }
  }

  private RegisterType result(int index, Helper helper, RegisterType first)
      throws RejectedException {
    return switch (helper.result()) {
      case NUMBER -> RegisterType.SCALAR;
      case NOTHING -> RegisterType.UNINITIALISED;
      case RECORD -> RegisterType.orNull(RegisterType.Kind.RECORD, null, index);
      case OF_MAP -> found(index, first);
    };
  }

  private RegisterType found(int index, RegisterType given) throws RejectedException {
    MapSpec map = given.map();
    MapKind.Values holds = map == null ? null : holds(map);
    if (given.isAny()) {
      return RegisterType.ANY;
    }
    if (map == null) {
      return RegisterType.orNull(RegisterType.Kind.VALUE, null, index); // maps that are alike
    }
    return switch (holds) {
      case SOCKETS -> RegisterType.orNull(RegisterType.Kind.SOCKET, null, index);
      case MAPS -> {
        if (map.inner() == null) {
          verifier.reject(index, "what the maps in " + map + " are like isn't declared");
        }
        yield RegisterType.orNull(RegisterType.Kind.MAP, map.inner(), index);
      }
      case MEMORY -> RegisterType.orNull(RegisterType.Kind.VALUE, map, index);
      case NONE -> RegisterType.UNINITIALISED;
      case null -> RegisterType.UNINITIALISED;
    };
  }
}
