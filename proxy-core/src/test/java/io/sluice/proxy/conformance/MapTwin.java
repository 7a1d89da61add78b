package io.sluice.proxy.conformance;

import io.sluice.proxy.linux.Linux;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A map of the kernel and one of the engine, on which the same operations are done.
 *
 * @param keys makes up a key
 * @param values what may be put in: for the kernel, and for the engine
 * @param inOrder whether both iterate in the same order; hashes don't
 */
record MapTwin(
    String name,
    Kernel kernel,
    int fd,
    int valueBytes,
    Function<Random, byte[]> keys,
    Function<Random, Value> values,
    boolean inOrder,
    Engine engine) {
  /** What an update is given. */
  static final class Value {
    final String name;
    final byte[] kernel;
    final @Nullable Object engine;

    Value(String name, byte[] kernel, @Nullable Object engine) {
      this.name = name;
      this.kernel = kernel;
      this.engine = engine;
    }
  }

  /** A map of the engine, behind keys of bytes. */
  interface Engine {
    int update(byte[] key, @Nullable Object value, long flags);

    int delete(byte[] key);

    /** The value as the kernel's is told, or a negative errno. */
    Object lookup(byte[] key);

    int nextKey(byte @Nullable [] key, byte[] next);
  }

  private static final int[] FLAGS = {0, 0, 0, 0, 1, 1, 2, 2, 3, 8};

  /**
   * Does one operation on both.
   *
   * @param told the kernel's value as it is to be compared with the engine's
   * @return what differed, or null
   */
  @Nullable String step(Random random, Function<byte[], Object> told, Tally tally) {
    byte[] key = keys.apply(random);
    String what = name + " key " + HexFormat.of().formatHex(key);
    Object kernelSays;
    Object engineSays;
    switch (random.nextInt(10)) {
      case 0, 1, 2, 3, 4 -> {
        Value value = values.apply(random);
        long flags = FLAGS[random.nextInt(FLAGS.length)];
        what += " update " + value.name + " flags " + flags;
        kernelSays = kernel.bpf.update(fd, key, value.kernel, flags);
        engineSays = engine.update(key, value.engine, flags);
      }
      case 5 -> {
        what += " delete";
        kernelSays = kernel.bpf.delete(fd, key);
        engineSays = engine.delete(key);
      }
      case 6, 7, 8 -> {
        what += " lookup";
        byte[] value = new byte[valueBytes];
        int result = kernel.bpf.lookup(fd, key, value);
        kernelSays = result < 0 ? result : told.apply(value);
        engineSays = engine.lookup(key);
      }
      default -> {
        what += " next key";
        byte @Nullable [] from = random.nextInt(4) == 0 ? null : key;
        kernelSays = inOrder ? next(kernelWalk(), from, key.length) : all(kernelWalk(), key.length);
        engineSays =
            inOrder ? next(engine::nextKey, from, key.length) : all(engine::nextKey, key.length);
      }
    }
    tally.add(name);
    tally.answered(engineSays instanceof Integer answer ? Math.min(answer, 0) : 0);
    return kernelSays.equals(engineSays)
        ? null
        : what + ": kernel " + named(kernelSays) + ", engine " + named(engineSays);
  }

  private static Object named(Object answer) {
    return answer instanceof Integer number && number < 0 ? Linux.errnoName(-number) : answer;
  }

  private interface Walk {
    int next(byte @Nullable [] key, byte[] next);
  }

  private Walk kernelWalk() {
    return (key, next) -> kernel.bpf.nextKey(fd, key, next);
  }

  private static Object next(Walk walk, byte @Nullable [] from, int keyBytes) {
    byte[] next = new byte[keyBytes];
    int result = walk.next(from, next);
    return result < 0 ? result : HexFormat.of().formatHex(next);
  }

  private static SortedSet<String> all(Walk walk, int keyBytes) {
    SortedSet<String> keys = new TreeSet<>();
    byte @Nullable [] from = null;
    byte[] next = new byte[keyBytes];
    while (walk.next(from, next) == 0) {
      keys.add(HexFormat.of().formatHex(next));
      from = next.clone();
    }
    return keys;
  }

  /** Indexes, of which some are out of range. */
  static Function<Random, byte[]> indexes(int maxEntries) {
    return random -> Kernel.word(random.nextInt(30) == 0 ? -1 : random.nextInt(maxEntries + 1));
  }

  /** Words, more of them than fit. */
  static Function<Random, byte[]> words(int maxEntries) {
    return random -> Kernel.word(random.nextInt(maxEntries * 3 / 2) * 0x01_01_01);
  }

  /** Keys of a trie with 32 bits, some longer than that, and with few different bits. */
  static byte[] prefixes(Random random) {
    int length = random.nextInt(34);
    int bits = random.nextInt(4) == 0 ? random.nextInt() : (random.nextInt() & 0xc0c0_00c0);
    return ByteBuffer.allocate(8)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(random.nextBoolean() ? length : length / 4 * 4)
        .putInt(bits)
        .array();
  }

  static int index(byte[] key) {
    return ByteBuffer.wrap(key).order(ByteOrder.LITTLE_ENDIAN).getInt();
  }

  /** Puts an index, or its absence, where the kernel has it. */
  static int nextIndex(int result, byte[] next) {
    if (result < 0) {
      return result;
    }
    ByteBuffer.wrap(next).order(ByteOrder.LITTLE_ENDIAN).putInt(result);
    return 0;
  }

  static Value bytes(Random random) {
    byte[] value = Kernel.doubleWord(random.nextLong());
    return new Value("bytes", value, value);
  }

  static Function<Random, Value> choice(List<Value> values) {
    return random -> values.get(random.nextInt(values.size()));
  }

  /** Descriptors nobody has: -1, and one that isn't open. */
  static final int CLOSED_FD = 1 << 20;
}
