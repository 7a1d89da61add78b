package io.sluice.steering.map;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;

/**
 * A live value of a map: what a program's lookup points at. Reading and writing it allocates
 * nothing, and any thread may.
 *
 * <p>The value lies in words of 8 bytes, each of which is read and written as one, without order
 * between them: who reads several may see some old and some new. Numbers are little-endian, as a
 * program on x86-64 or aarch64 has them. An offset outside of the value throws.
 */
public final class MapValue {
  private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);

  private final long[] words; // of several values, or of this one only
  private final int first;
  private final int size;

  /** A value in words that it may share with others, from word {@code first}. */
  MapValue(long[] words, int first, int size) {
    this.words = words;
    this.first = first;
    this.size = size;
  }

  /** A value of its own, of zeros. */
  MapValue(int size) {
    this(new long[words(size)], 0, size);
  }

  /** A value of its own, with the bytes from {@code at}. */
  static MapValue of(byte[] bytes, int at, int size) {
    MapValue value = new MapValue(size);
    value.copyFrom(bytes, at);
    return value;
  }

  /** How many words a value takes. */
  static int words(int size) {
    return size + 7 >>> 3;
  }

  /** In bytes. */
  public int size() {
    return size;
  }

  /** The byte at an offset. */
  public byte getByte(int offset) {
    Objects.checkIndex(offset, size);
    return (byte) (word(offset >> 3) >>> ((offset & 7) << 3));
  }

  /** The 2 bytes at an offset that is not the last of a word of 8 bytes. */
  public short getShort(int offset) {
    Objects.checkFromIndexSize(offset, Short.BYTES, size);
    if ((offset & 7) == 7) {
      throw new IllegalArgumentException("offset " + offset + ": 2 bytes from it are in two words");
    }
    return (short) (word(offset >> 3) >>> ((offset & 7) << 3));
  }

  /** The 1–8 bytes at any offset, zero-extended; those of two words aren't read as one. */
  public long getUnaligned(int offset, int length) {
    Objects.checkFromIndexSize(offset, length, size);
    int shift = (offset & 7) << 3;
    long bits = word(offset >> 3) >>> shift;
    if ((offset & 7) + length > Long.BYTES) {
      bits |= word((offset >> 3) + 1) << (Long.SIZE - shift);
    }
    return bits & mask(length);
  }

  /** The 4 bytes at a multiple of 4. */
  public int getInt(int offset) {
    check(offset, Integer.BYTES);
    return (int) (word(offset >> 3) >>> ((offset & 7) << 3));
  }

  /** The 8 bytes at a multiple of 8. */
  public long getLong(int offset) {
    check(offset, Long.BYTES);
    return word(offset >> 3);
  }

  /** Sets the 4 bytes at a multiple of 4. */
  public void setInt(int offset, int value) {
    check(offset, Integer.BYTES);
    int shift = (offset & 7) << 3;
    replace(offset >> 3, 0xffff_ffffL << shift, (value & 0xffff_ffffL) << shift);
  }

  /** Sets the 8 bytes at a multiple of 8. */
  public void setLong(int offset, long value) {
    check(offset, Long.BYTES);
    WORDS.setOpaque(words, first + (offset >> 3), value);
  }

  /** Sets 1–8 bytes at any offset and no others; those of two words aren't written as one. */
  public void setUnaligned(int offset, int length, long value) {
    Objects.checkFromIndexSize(offset, length, size);
    int shift = (offset & 7) << 3;
    long mask = mask(length);
    replace(offset >> 3, mask << shift, (value & mask) << shift);
    if ((offset & 7) + length > Long.BYTES) {
      int rest = Long.SIZE - shift;
      replace((offset >> 3) + 1, mask >>> rest, (value & mask) >>> rest);
    }
  }

  /**
   * Sets the 4 or 8 bytes at a multiple of their number, if they are what is expected.
   *
   * @return false if they aren't, or if a neighbour changed meanwhile
   */
  public boolean compareAndSet(int offset, int length, long expected, long value) {
    check(offset, length);
    int index = first + (offset >> 3);
    if (length == Long.BYTES) {
      return WORDS.compareAndSet(words, index, expected, value);
    }
    int shift = (offset & 7) << 3;
    long mask = mask(length) << shift;
    long word = word(offset >> 3);
    return (word & mask) == (expected << shift & mask)
        && WORDS.compareAndSet(words, index, word, word & ~mask | value << shift & mask);
  }

  private static long mask(int length) {
    return -1L >>> (Long.SIZE - (length << 3));
  }

  /** Adds to the 8 bytes at a multiple of 8, and loses no other thread's addition. */
  public void addLong(int offset, long delta) {
    check(offset, Long.BYTES);
    long _ = (long) WORDS.getAndAdd(words, first + (offset >> 3), delta);
  }

  /** Copies the value to {@code to}, from {@code at}. */
  public void copyTo(byte[] to, int at) {
    copyTo(to, at, size);
  }

  /** Overwrites the value with the bytes of {@code from}, from {@code at}, a word at a time. */
  public void copyFrom(byte[] from, int at) {
    copyFrom(from, at, size);
  }

  /** {@link #copyTo(byte[], int)} of the whole words: what lies behind the value belongs to it. */
  void copyWordsTo(byte[] to, int at) {
    copyTo(to, at, words(size) << 3);
  }

  void copyWordsFrom(byte[] from, int at) {
    copyFrom(from, at, words(size) << 3);
  }

  private void copyTo(byte[] to, int at, int length) {
    Objects.checkFromIndexSize(at, length, to.length);
    long word = 0;
    for (int i = 0; i < length; i++, word >>>= 8) {
      if ((i & 7) == 0) {
        word = word(i >> 3);
      }
      to[at + i] = (byte) word;
    }
  }

  private void copyFrom(byte[] from, int at, int length) {
    Objects.checkFromIndexSize(at, length, from.length);
    for (int i = 0; i < length; i += Long.BYTES) {
      long word = 0;
      for (int j = Math.min(length - i, Long.BYTES) - 1; j >= 0; j--) {
        word = word << 8 | from[at + i + j] & 0xff;
      }
      WORDS.setOpaque(words, first + (i >> 3), word);
    }
  }

  private void check(int offset, int length) {
    Objects.checkFromIndexSize(offset, length, size);
    if ((offset & length - 1) != 0) {
      throw new IllegalArgumentException("offset " + offset + " is no multiple of " + length);
    }
  }

  private long word(int index) {
    return (long) WORDS.getOpaque(words, first + index);
  }

  private void replace(int index, long mask, long bits) {
    long seen;
    do {
      seen = word(index);
    } while (!WORDS.compareAndSet(words, first + index, seen, seen & ~mask | bits));
  }
}
