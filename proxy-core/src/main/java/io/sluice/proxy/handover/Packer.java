package io.sluice.proxy.handover;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Tuple;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Fields one behind the other, as docs/takeover.md defines them: numbers in network order, texts
 * and bytes with their length before them. Belongs to one thread.
 */
public final class Packer {
  private ByteBuffer bytes = ByteBuffer.allocate(256);
  private int[] descriptors = new int[8];
  private int descriptorCount;

  private ByteBuffer room(int needed) {
    if (bytes.remaining() < needed) {
      int size = Math.max(bytes.capacity() * 2, bytes.position() + needed);
      bytes = ByteBuffer.allocate(size).put(bytes.flip());
    }
    return bytes;
  }

  /** How many bytes there are. */
  public int size() {
    return bytes.position();
  }

  /** Has all forgotten. */
  void clear() {
    bytes.clear();
    descriptorCount = 0;
  }

  /** All that another one has, its length before it. */
  void add(Packer other) {
    i32(other.size());
    room(other.size()).put(other.bytes.array(), 0, other.size());
    for (int i = 0; i < other.descriptorCount; i++) {
      descriptor(other.descriptors[i]);
    }
  }

  public Packer u8(int value) {
    room(1).put((byte) value);
    return this;
  }

  public Packer flag(boolean value) {
    return u8(value ? 1 : 0);
  }

  public Packer u16(int value) {
    room(2).putShort((short) value);
    return this;
  }

  public Packer i32(int value) {
    room(4).putInt(value);
    return this;
  }

  public Packer i64(long value) {
    room(8).putLong(value);
    return this;
  }

  /** Writes a number where another one was written before. */
  void u16At(int at, int value) {
    bytes.putShort(at, (short) value);
  }

  /** At most 64 KiB of UTF-8. */
  public Packer text(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    if (utf8.length > 0xffff) {
      throw new IllegalArgumentException("a text of " + utf8.length + " bytes");
    }
    u16(utf8.length);
    room(utf8.length).put(utf8);
    return this;
  }

  /** Any number of bytes. */
  public Packer bytes(byte[] more) {
    i32(more.length);
    room(more.length).put(more);
    return this;
  }

  /** The same of bytes that a buffer has left. */
  public Packer bytes(ByteBuffer more) {
    i32(more.remaining());
    room(more.remaining()).put(more);
    return this;
  }

  /** An address of either family. */
  public Packer address(IpAddress address) {
    return address(address.family(), address.high(), address.low());
  }

  /** Both ends of a connection or a flow. */
  public Packer tuple(Tuple tuple) {
    return u8(tuple.protocol().ordinal())
        .address(tuple.family(), tuple.remoteHigh(), tuple.remoteLow())
        .u16(tuple.remotePort())
        .i64(tuple.localHigh())
        .i64(tuple.localLow())
        .u16(tuple.localPort());
  }

  /** The same by its bits. */
  public Packer address(Family family, long high, long low) {
    return u8(family == Family.IPV4 ? 4 : 6).i64(high).i64(low);
  }

  /** A descriptor that goes with the fields; the receiver takes it when it comes to this place. */
  public Packer descriptor(int fd) {
    if (descriptorCount == descriptors.length) {
      descriptors = Arrays.copyOf(descriptors, descriptorCount * 2);
    }
    descriptors[descriptorCount++] = fd;
    return this;
  }

  public int descriptorCount() {
    return descriptorCount;
  }

  int[] descriptors() {
    return Arrays.copyOf(descriptors, descriptorCount);
  }

  /** What was packed. */
  public byte[] toBytes() {
    return Arrays.copyOf(bytes.array(), bytes.position());
  }
}
