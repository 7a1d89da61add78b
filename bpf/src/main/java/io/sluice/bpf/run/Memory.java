package io.sluice.bpf.run;

import io.sluice.bpf.isa.Opcode;
import io.sluice.steering.Socket;
import io.sluice.steering.map.MapValue;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * Loads and stores of programs, little-endian, checked against the bounds of what they go into: a
 * stack, a packet's bytes ({@code byte[]}), a value of a map, a socket. Anything else traps.
 */
public final class Memory {
  private static final VarHandle SHORTS =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle INTS =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private Memory() {}

  /** An offset as an index, which traps later if it is none. */
  private static int index(long offset, int size, int length) {
    if (offset < 0 || offset > length - size) {
      throw Trap.outOfRange();
    }
    return (int) offset;
  }

  // Of arrays of bytes.

  public static long load1(byte[] bytes, long offset) {
    return bytes[index(offset, 1, bytes.length)] & 0xff;
  }

  public static long load2(byte[] bytes, long offset) {
    return (short) SHORTS.get(bytes, index(offset, 2, bytes.length)) & 0xffff;
  }

  public static long load4(byte[] bytes, long offset) {
    return (int) INTS.get(bytes, index(offset, 4, bytes.length)) & 0xffff_ffffL;
  }

  public static long load8(byte[] bytes, long offset) {
    return (long) LONGS.get(bytes, index(offset, 8, bytes.length));
  }

  public static void store1(byte[] bytes, long offset, long value) {
    bytes[index(offset, 1, bytes.length)] = (byte) value;
  }

  public static void store2(byte[] bytes, long offset, long value) {
    SHORTS.set(bytes, index(offset, 2, bytes.length), (short) value);
  }

  public static void store4(byte[] bytes, long offset, long value) {
    INTS.set(bytes, index(offset, 4, bytes.length), (int) value);
  }

  public static void store8(byte[] bytes, long offset, long value) {
    LONGS.set(bytes, index(offset, 8, bytes.length), value);
  }

  // Of values of maps.

  public static long load1(@Nullable MapValue value, long offset) {
    MapValue it = present(value);
    return it.getByte(index(offset, 1, it.size())) & 0xff;
  }

  public static long load2(@Nullable MapValue value, long offset) {
    MapValue it = present(value);
    int at = index(offset, 2, it.size());
    return (at & 7) != 7 ? it.getShort(at) & 0xffff : it.getUnaligned(at, 2);
  }

  public static long load4(@Nullable MapValue value, long offset) {
    MapValue it = present(value);
    int at = index(offset, 4, it.size());
    return (at & 3) == 0 ? it.getInt(at) & 0xffff_ffffL : it.getUnaligned(at, 4);
  }

  public static long load8(@Nullable MapValue value, long offset) {
    MapValue it = present(value);
    int at = index(offset, 8, it.size());
    return (at & 7) == 0 ? it.getLong(at) : it.getUnaligned(at, 8);
  }

  public static void store1(@Nullable MapValue value, long offset, long number) {
    MapValue it = present(value);
    it.setUnaligned(index(offset, 1, it.size()), 1, number);
  }

  public static void store2(@Nullable MapValue value, long offset, long number) {
    MapValue it = present(value);
    it.setUnaligned(index(offset, 2, it.size()), 2, number);
  }

  public static void store4(@Nullable MapValue value, long offset, long number) {
    MapValue it = present(value);
    int at = index(offset, 4, it.size());
    if ((at & 3) == 0) {
      it.setInt(at, (int) number);
    } else {
      it.setUnaligned(at, 4, number);
    }
  }

  public static void store8(@Nullable MapValue value, long offset, long number) {
    MapValue it = present(value);
    int at = index(offset, 8, it.size());
    if ((at & 7) == 0) {
      it.setLong(at, number);
    } else {
      it.setUnaligned(at, 8, number);
    }
  }

  private static MapValue present(@Nullable MapValue value) {
    if (value == null) {
      throw Trap.nullPointer();
    }
    return value;
  }

  // Of what is known when it runs only.

  public static long load1(@Nullable Object base, long offset) {
    return load(base, offset, 1);
  }

  public static long load2(@Nullable Object base, long offset) {
    return load(base, offset, 2);
  }

  public static long load4(@Nullable Object base, long offset) {
    return load(base, offset, 4);
  }

  public static long load8(@Nullable Object base, long offset) {
    return load(base, offset, 8);
  }

  public static void store1(@Nullable Object base, long offset, long value) {
    store(base, offset, 1, value);
  }

  public static void store2(@Nullable Object base, long offset, long value) {
    store(base, offset, 2, value);
  }

  public static void store4(@Nullable Object base, long offset, long value) {
    store(base, offset, 4, value);
  }

  public static void store8(@Nullable Object base, long offset, long value) {
    store(base, offset, 8, value);
  }

  static long load(@Nullable Object base, long offset, int size) {
    return switch (base) {
      case byte[] bytes ->
          switch (size) {
            case 1 -> load1(bytes, offset);
            case 2 -> load2(bytes, offset);
            case 4 -> load4(bytes, offset);
            default -> load8(bytes, offset);
          };
      case MapValue value ->
          switch (size) {
            case 1 -> load1(value, offset);
            case 2 -> load2(value, offset);
            case 4 -> load4(value, offset);
            default -> load8(value, offset);
          };
      case Packet packet -> packet.load(offset, size);
      case Socket socket -> {
        if (offset != (int) offset || !SocketFields.isReadable((int) offset, size)) {
          throw Trap.outOfRange();
        }
        yield SocketFields.load(socket, (int) offset, size);
      }
      case null, default -> throw Trap.nullPointer();
    };
  }

  static void store(@Nullable Object base, long offset, int size, long value) {
    switch (base) {
      case byte[] bytes -> {
        switch (size) {
          case 1 -> store1(bytes, offset, value);
          case 2 -> store2(bytes, offset, value);
          case 4 -> store4(bytes, offset, value);
          default -> store8(bytes, offset, value);
        }
      }
      case MapValue held -> {
        switch (size) {
          case 1 -> store1(held, offset, value);
          case 2 -> store2(held, offset, value);
          case 4 -> store4(held, offset, value);
          default -> store8(held, offset, value);
        }
      }
      case Packet packet -> packet.store(offset, size, value);
      case null, default -> throw Trap.nullPointer();
    }
  }

  /**
   * An atomic operation.
   *
   * @param operation the instruction's immediate
   * @param expected what R0 holds, for an exchange by comparison
   * @return what was there before, of 4 bytes zero-extended
   */
  public static long atomic(
      @Nullable Object base, long offset, int size, int operation, long value, long expected) {
    if (base instanceof MapValue held && (offset & size - 1) == 0) {
      int at = index(offset, size, held.size());
      long old;
      do {
        old = size == 8 ? held.getLong(at) : held.getInt(at) & 0xffff_ffffL;
      } while (!held.compareAndSet(at, size, old, updated(operation, size, old, value, expected)));
      return old;
    }
    long old = load(base, offset, size); // of one thread, or nowhere near aligned
    store(base, offset, size, updated(operation, size, old, value, expected));
    return old;
  }

  private static long updated(int operation, int size, long old, long value, long expected) {
    if (operation == Opcode.CMPXCHG) {
      return old == (size == 8 ? expected : expected & 0xffff_ffffL) ? value : old;
    }
    return switch (operation & ~Opcode.FETCH) {
      case Opcode.ADD -> old + value;
      case Opcode.OR -> old | value;
      case Opcode.AND -> old & value;
      case Opcode.XOR -> old ^ value;
      default -> value;
    };
  }

  // Pointers on the stack.

  /** The object that lies beside 8 bytes of the stack; null if they are no stack, or no pointer. */
  @SuppressWarnings("ReferenceEquality") // the same object is meant
  public static @Nullable Object spilled(Run run, @Nullable Object base, long offset) {
    return base == run.stack && (offset & 7) == 0 && offset >= 0 && offset < run.stack.length
        ? run.spilled[(int) (offset >>> 3)]
        : null;
  }

  /** Notes the object of what is stored into memory, if that is the stack; null of a number. */
  @SuppressWarnings("ReferenceEquality") // the same object is meant
  public static void spill(
      Run run, @Nullable Object base, long offset, int size, @Nullable Object held) {
    if (base != run.stack || offset < 0 || offset > run.stack.length - size) {
      return; // elsewhere a pointer is only its offset
    }
    int first = (int) (offset >>> 3);
    run.spilled[first] = size == 8 && (offset & 7) == 0 ? held : null;
    int last = (int) (offset + size - 1 >>> 3);
    if (last != first) {
      run.spilled[last] = null;
    }
  }

  /** What a pointer plus another register points into: one of the two is a number. */
  public static @Nullable Object sum(@Nullable Object a, @Nullable Object b) {
    return a != null ? a : b;
  }

  /** What a register minus another points into: a difference of pointers is a number. */
  public static @Nullable Object difference(@Nullable Object a, @Nullable Object b) {
    return b != null ? null : a;
  }

  /** Whether a register is this number. */
  public static boolean isNumber(@Nullable Object object, long number, long expected) {
    return object == null && number == expected;
  }

  /** Whether two registers are the same number, or point at the same place. */
  @SuppressWarnings("ReferenceEquality") // the same object is meant
  public static boolean same(@Nullable Object a, long x, @Nullable Object b, long y) {
    return a == b && x == y;
  }

  /** Where a packet ends. */
  public static long end(@Nullable Object packet) {
    if (packet instanceof Packet it) {
      return it.length();
    }
    throw Trap.nullPointer();
  }

  /** Copies bytes out of memory. */
  static void copyOut(@Nullable Object base, long offset, byte[] to, int at, int length) {
    switch (base) {
      case byte[] bytes ->
          System.arraycopy(bytes, index(offset, length, bytes.length), to, at, length);
      case null -> throw Trap.nullPointer();
      default -> {
        for (int i = 0; i < length; i++) {
          to[at + i] = (byte) load(base, offset + i, 1);
        }
      }
    }
  }
}
