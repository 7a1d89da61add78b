package io.sluice.proxy.handover;

import io.sluice.proxy.linux.Syscalls;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import io.sluice.steering.Tuple;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Takes apart what a {@link Packer} has packed. What isn't there ends in a {@link
 * MalformedException}. Descriptors that nobody takes are closed by {@link #close}. Belongs to one
 * thread.
 */
public final class Unpacker implements AutoCloseable {
  private final ByteBuffer bytes;
  private final int[] descriptors;
  private int taken;

  /** The fields of a frame, and the descriptors that came with it. */
  public Unpacker(byte[] bytes, int[] descriptors) {
    this.bytes = ByteBuffer.wrap(bytes);
    this.descriptors = descriptors;
  }

  /** What a frame says can't be. */
  public static final class MalformedException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public MalformedException(String what) {
      super(what);
    }
  }

  private ByteBuffer left(int needed) {
    if (needed < 0 || bytes.remaining() < needed) {
      throw new MalformedException("a frame ends within a field");
    }
    return bytes;
  }

  public boolean hasMore() {
    return bytes.hasRemaining();
  }

  public int u8() {
    return left(1).get() & 0xff;
  }

  public boolean flag() {
    int value = u8();
    if (value > 1) {
      throw new MalformedException(value + " is neither yes nor no");
    }
    return value == 1;
  }

  public int u16() {
    return left(2).getShort() & 0xffff;
  }

  public int i32() {
    return left(4).getInt();
  }

  public long i64() {
    return left(8).getLong();
  }

  public String text() {
    byte[] utf8 = new byte[u16()];
    left(utf8.length).get(utf8);
    return new String(utf8, StandardCharsets.UTF_8);
  }

  public byte[] bytes() {
    int length = i32();
    ByteBuffer from = left(length);
    byte[] copy = new byte[length];
    from.get(copy);
    return copy;
  }

  public IpAddress address() {
    Family family = family();
    return IpAddress.of(family, i64(), i64());
  }

  /** Both ends of a connection or a flow. */
  public Tuple tuple() {
    Protocol protocol = oneOf(Protocol.values());
    Family family = family();
    return new Tuple().set(family, protocol, i64(), i64(), u16(), i64(), i64(), u16());
  }

  /** The family that an address begins with; its bits follow, as two {@link #i64}. */
  public Family family() {
    return switch (u8()) {
      case 4 -> Family.IPV4;
      case 6 -> Family.IPV6;
      default -> throw new MalformedException("neither IPv4 nor IPv6");
    };
  }

  /** One of an enum's values, by its place. */
  public <E> E oneOf(E[] values) {
    int index = u8();
    if (index >= values.length) {
      throw new MalformedException(index + " is outside 0–" + (values.length - 1));
    }
    return values[index];
  }

  /** The next descriptor; the caller's to close. */
  public int descriptor() {
    if (taken == descriptors.length) {
      throw new MalformedException("a descriptor is missing");
    }
    return descriptors[taken++];
  }

  /** Closes the descriptors that nobody has taken. */
  @Override
  public void close() {
    if (taken == descriptors.length) {
      return; // mostly: what makes calls takes memory
    }
    Syscalls syscalls = new Syscalls();
    while (taken < descriptors.length) {
      int _ = syscalls.close(descriptors[taken++]);
    }
  }
}
