package io.sluice.bpf.verify;

import io.sluice.bpf.object.MapKind;
import io.sluice.bpf.object.MapSpec;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What a register holds at one place of a program, whichever way it came there.
 *
 * @param known whether {@code value} is: a number, an offset in the stack or in a map's value, a
 *     function's start
 * @param map of a map, or of a value of one; null if it may be several
 * @param nullable whether it may be null instead
 * @param origin the instruction that made it; -1 if there are several. Two registers of one origin
 *     are null together
 */
public record RegisterType(
    Kind kind, boolean known, long value, @Nullable MapSpec map, boolean nullable, int origin) {
  /** What sort of thing. */
  public enum Kind {
    /** Nothing was written. */
    UNINITIALISED,
    SCALAR,
    CONTEXT,
    STACK,
    /** A value of a map. */
    VALUE,
    /** A record of a ring buffer. */
    RECORD,
    /** Some memory: of these, or of a caller. */
    MEMORY,
    MAP,
    SOCKET,
    PACKET,
    FUNCTION,
    /** A number or a pointer: it is looked at when it runs. */
    ANY
  }

  static final RegisterType UNINITIALISED = of(Kind.UNINITIALISED);

  /** A number that isn't known. */
  public static final RegisterType SCALAR = of(Kind.SCALAR);

  static final RegisterType ANY = of(Kind.ANY);

  private static final int NOWHERE = -1;

  static RegisterType of(Kind kind) {
    return new RegisterType(kind, false, 0, null, false, NOWHERE);
  }

  /** A number. */
  public static RegisterType constant(long value) {
    return new RegisterType(Kind.SCALAR, true, value, null, false, NOWHERE);
  }

  /** A pointer at a known offset. */
  static RegisterType at(Kind kind, long offset, @Nullable MapSpec map) {
    return new RegisterType(kind, true, offset, map, false, NOWHERE);
  }

  static RegisterType orNull(Kind kind, @Nullable MapSpec map, int origin) {
    return new RegisterType(kind, kind == Kind.VALUE, 0, map, true, origin);
  }

  public boolean isPointer() {
    return kind != Kind.SCALAR && kind != Kind.UNINITIALISED;
  }

  /** Whether a program may load from it, and add numbers to it. */
  public boolean isMemory() {
    return switch (kind) {
      case STACK, VALUE, RECORD, MEMORY, PACKET -> true;
      case UNINITIALISED, SCALAR, CONTEXT, MAP, SOCKET, FUNCTION, ANY -> false;
    };
  }

  public boolean isAny() {
    return kind == Kind.ANY;
  }

  public boolean isZero() {
    return kind == Kind.SCALAR && known && value == 0;
  }

  RegisterType notNull() {
    return new RegisterType(kind, known, value, map, false, origin);
  }

  RegisterType ofUnknownOrigin() {
    return new RegisterType(kind, known, value, map, nullable, NOWHERE);
  }

  /** The same pointer at another offset, or at one that isn't known. */
  RegisterType moved(boolean isKnown, long offset) {
    return new RegisterType(kind, isKnown, isKnown ? offset : 0, map, nullable, origin);
  }

  private RegisterType orNull() {
    return new RegisterType(
        kind,
        known && kind != Kind.STACK,
        known && kind != Kind.STACK ? value : 0,
        map,
        true,
        origin);
  }

  /** What it is where two ways meet. */
  RegisterType join(RegisterType other) {
    if (equals(other)) {
      return this;
    }
    if (kind == Kind.UNINITIALISED || other.kind == Kind.UNINITIALISED) {
      return UNINITIALISED;
    }
    if (isAny() || other.isAny()) {
      return ANY;
    }
    if (isZero() && other.isPointer()) {
      return other.orNull();
    }
    if (other.isZero() && isPointer()) {
      return orNull();
    }
    int from = origin == other.origin ? origin : NOWHERE;
    boolean mayBeNull = nullable || other.nullable;
    if (kind != other.kind) {
      return isMemory() && other.isMemory()
          ? new RegisterType(Kind.MEMORY, false, 0, null, mayBeNull, from)
          : ANY;
    }
    boolean same = known && other.known && value == other.value;
    return switch (kind) {
      case SCALAR -> SCALAR;
      case FUNCTION -> same ? this : ANY;
      case STACK -> new RegisterType(kind, same, same ? value : 0, null, mayBeNull, from);
      case VALUE -> {
        boolean sameMap = map == other.map;
        yield new RegisterType(
            kind,
            same && sameMap,
            same && sameMap ? value : 0,
            sameMap ? map : null,
            mayBeNull,
            from);
      }
      case MAP -> map == other.map || isAlike(map, other.map) ? joinedMap(other, from) : ANY;
      case CONTEXT, RECORD, MEMORY, SOCKET, PACKET ->
          new RegisterType(kind, false, 0, null, mayBeNull, from);
      case UNINITIALISED, ANY -> ANY;
    };
  }

  private RegisterType joinedMap(RegisterType other, int from) {
    return new RegisterType(
        kind, false, 0, map == other.map ? map : null, nullable || other.nullable, from);
  }

  /** Whether two maps can be used alike by one instruction: their values are plain memory. */
  private static boolean isAlike(@Nullable MapSpec a, @Nullable MapSpec b) {
    return (a == null || holdsMemory(a)) && (b == null || holdsMemory(b));
  }

  private static boolean holdsMemory(MapSpec map) {
    MapKind mapKind = map.kind();
    return mapKind != null && mapKind.holds() == MapKind.Values.MEMORY;
  }

  @Override
  public String toString() {
    if (kind == Kind.SCALAR && known) {
      return Long.toString(value);
    }
    String what = kind.name().toLowerCase(Locale.ROOT) + (map == null ? "" : "[" + map + "]");
    return what + (known ? (value < 0 ? "" : "+") + value : "") + (nullable ? "_or_null" : "");
  }
}
