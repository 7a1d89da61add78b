package io.sluice.bench;

import io.sluice.steering.map.HashTable;
import io.sluice.steering.map.LpmTrie;
import io.sluice.steering.map.MapValue;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Lookups in the maps that programs use, each of another key that is there. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(3)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class MapBenchmark {
  @Param({"1", "1000", "100000"})
  public int entries;

  private HashTable hash = new HashTable(8, 8, 1);
  private LpmTrie trie = new LpmTrie(8, 8, 1);
  private long[] hashKeys = {};
  private int[] addresses = {};
  private int next;

  /** Not measured. */
  @Setup
  public void setUp() {
    SplittableRandom random = new SplittableRandom(entries);
    hash = new HashTable(8, 8, entries);
    trie = new LpmTrie(8, 8, entries);
    hashKeys = random.longs(entries).toArray();
    addresses = random.ints(entries).toArray();
    byte[] value = new byte[8];
    for (int i = 0; i < entries; i++) {
      byte[] key = new byte[8];
      ByteBuffer.wrap(key).order(ByteOrder.LITTLE_ENDIAN).putLong(hashKeys[i]);
      check(hash.update(key, value, 0));
      ByteBuffer.wrap(key).order(ByteOrder.LITTLE_ENDIAN).putInt(16 + i % 17);
      ByteBuffer.wrap(key).putInt(4, addresses[i]);
      check(trie.update(key, value, 0));
    }
  }

  private static void check(int result) {
    if (result != 0) {
      throw new IllegalStateException("update: " + result);
    }
  }

  private int next() {
    int now = next + 1;
    next = now >= entries ? 0 : now;
    return next;
  }

  @Benchmark
  public @Nullable MapValue hash() {
    return hash.lookup(hashKeys[next()]);
  }

  @Benchmark
  public @Nullable MapValue lpmTrie() {
    return trie.lookupIpv4(addresses[next()]);
  }
}
