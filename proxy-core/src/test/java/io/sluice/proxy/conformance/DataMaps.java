package io.sluice.proxy.conformance;

import io.sluice.proxy.linux.Linux;
import io.sluice.steering.map.ArrayMap;
import io.sluice.steering.map.HashTable;
import io.sluice.steering.map.LpmTrie;
import io.sluice.steering.map.MapValue;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** Maps whose values of 8 bytes are indexes of the sockmap, the same in kernel and engine. */
final class DataMaps implements AutoCloseable {
  /** Which of them. */
  enum Kind {
    ARRAY,
    HASH,
    /** Asked for all 32 bits, in the order in which they lie in memory. */
    LPM_TRIE
  }

  private static final int ENTRIES = 64;
  private static final int WORD_BITS = 32;

  private final Kernel kernel;
  private final int kernelArray;
  private final int kernelHash;
  private final int kernelTrie;
  private final ArrayMap array = new ArrayMap(8, ENTRIES);
  private final HashTable hash = new HashTable(4, 8, ENTRIES);
  private final LpmTrie trie = new LpmTrie(8, 8, ENTRIES);

  DataMaps(Kernel kernel, Random random) {
    this.kernel = kernel;
    this.kernelArray = kernel.map(Linux.BPF_MAP_TYPE_ARRAY, 4, 8, ENTRIES);
    this.kernelHash = kernel.map(Linux.BPF_MAP_TYPE_HASH, 4, 8, ENTRIES);
    this.kernelTrie = kernel.map(Linux.BPF_MAP_TYPE_LPM_TRIE, 8, 8, ENTRIES);
    for (int i = 0; i < ENTRIES; i++) {
      byte[] value = Kernel.doubleWord(random.nextInt(SocketMaps.SLOTS));
      byte[] key = Kernel.word(i);
      Kernel.check("array", kernel.bpf.update(kernelArray, key, value, 0));
      Kernel.check("array", array.update(i, value, 0));
      if (random.nextBoolean()) {
        Kernel.check("hash", kernel.bpf.update(kernelHash, key, value, 0));
        Kernel.check("hash", hash.update(key, value, 0));
      }
      // Few different bits in the leading bytes, as programs look up words with few bits set.
      int length = random.nextInt(WORD_BITS + 1);
      byte[] prefix = trieKey(length, random.nextInt(4) == 0 ? random.nextInt() : i);
      Kernel.check("trie", kernel.bpf.update(kernelTrie, prefix, value, 0));
      Kernel.check("trie", trie.update(prefix, value, 0));
    }
  }

  private static byte[] trieKey(int length, int data) {
    return Kernel.bytes(8).putInt(length).putInt(data).array();
  }

  int kernelMap(Kind kind) {
    return switch (kind) {
      case ARRAY -> kernelArray;
      case HASH -> kernelHash;
      case LPM_TRIE -> kernelTrie;
    };
  }

  /** What a program of the engine finds, or -1. */
  int find(Kind kind, int word) {
    @Nullable MapValue value =
        switch (kind) {
          case ARRAY -> array.lookup(word);
          case HASH -> hash.lookup(Kernel.word(word));
          case LPM_TRIE -> trie.lookup(trieKey(WORD_BITS, word));
        };
    return value == null ? -1 : (int) value.getLong(0);
  }

  @Override
  public void close() {
    kernel.close(kernelArray);
    kernel.close(kernelHash);
    kernel.close(kernelTrie);
  }
}
