package io.sluice.proxy.conformance;

import io.sluice.proxy.linux.Linux;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.map.SockHash;
import io.sluice.steering.map.SockMap;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * A sockmap and a sockhash with the same random content in the kernel and in the engine. Whenever
 * something is written, the answers are compared.
 */
final class SocketMaps implements AutoCloseable {
  static final int SLOTS = 24;
  static final int KEYS = 8;
  private static final int HASH_ENTRIES = 12;

  final int kernelMap;
  final int kernelHash;
  final SockMap sockMap = new SockMap(SLOTS);
  final SockHash sockHash = new SockHash(8, HASH_ENTRIES);
  final DataMaps data;
  private final Kernel kernel;
  private final Random random;
  private final List<String> differences = new ArrayList<>();

  SocketMaps(Kernel kernel, Random random) {
    this.kernel = kernel;
    this.random = random;
    this.data = new DataMaps(kernel, random);
    this.kernelMap = kernel.map(Linux.BPF_MAP_TYPE_SOCKMAP, 4, 8, SLOTS);
    this.kernelHash = kernel.map(Linux.BPF_MAP_TYPE_SOCKHASH, 8, 8, HASH_ENTRIES);
  }

  /** Puts a socket somewhere in both. */
  void put(Twin twin) {
    int slot = random.nextInt(SLOTS + 1);
    // Without F_LOCK, 4: bpf(2) refuses it before it looks at the socket, a helper after that.
    int flags = random.nextInt(8) == 0 ? random.nextInt(4) : 0;
    compare(
        "sockmap[" + slot + "] = " + twin + " flags " + flags,
        kernel.bpf.update(kernelMap, Kernel.word(slot), Kernel.doubleWord(twin.fd), flags),
        sockMap.update(slot, twin.socket, flags));
    byte[] key = key();
    compare(
        "sockhash = " + twin + " flags " + flags,
        kernel.bpf.update(kernelHash, key, Kernel.doubleWord(twin.fd), flags),
        sockHash.update(key, twin.socket, flags));
  }

  /** Mostly puts a socket somewhere, else takes something out. */
  void stir(Twin twin) {
    switch (random.nextInt(10)) {
      case 0 -> {
        int slot = random.nextInt(SLOTS + 1);
        compare(
            "delete sockmap[" + slot + "]",
            kernel.bpf.delete(kernelMap, Kernel.word(slot)),
            sockMap.delete(slot));
      }
      case 1 -> {
        byte[] key = key();
        compare("delete from sockhash", kernel.bpf.delete(kernelHash, key), sockHash.delete(key));
      }
      default -> put(twin);
    }
  }

  private byte[] key() {
    Protocol protocol = random.nextBoolean() ? Protocol.TCP : Protocol.UDP;
    return EngineProgram.key(protocol.number(), random.nextInt(KEYS));
  }

  private void compare(String what, long kernelSays, long engineSays) {
    if (kernelSays != engineSays) {
      differences.add(what + ": kernel " + kernelSays + ", engine " + engineSays);
    }
  }

  /**
   * Compares what lookups from outside give, for every key.
   *
   * @param cookies the kernel's cookie of each socket of the engine
   */
  void compareContent(Map<Socket, Long> cookies) {
    byte[] value = new byte[8];
    for (int slot = 0; slot <= SLOTS; slot++) {
      int result = kernel.bpf.lookup(kernelMap, Kernel.word(slot), value);
      compareEntry("sockmap[" + slot + "]", result, value, sockMap.lookup(slot), cookies);
    }
    for (Protocol protocol : Protocol.values()) {
      for (int second = 0; second < KEYS; second++) {
        byte[] key = EngineProgram.key(protocol.number(), second);
        int result = kernel.bpf.lookup(kernelHash, key, value);
        String what = "sockhash[" + protocol + ", " + second + "]";
        compareEntry(what, result, value, sockHash.lookup(key), cookies);
      }
    }
  }

  private void compareEntry(
      String what, int result, byte[] value, @Nullable Socket engine, Map<Socket, Long> cookies) {
    long cookie = result == 0 ? Kernel.bytes(8).put(value).getLong(0) : result;
    long wanted = engine == null ? -Linux.ENOENT : cookies.getOrDefault(engine, 0L);
    compare(what, cookie, wanted);
  }

  /** What differed since this was last asked. */
  List<String> takeDifferences() {
    List<String> taken = List.copyOf(differences);
    differences.clear();
    return taken;
  }

  @Override
  public void close() {
    data.close();
    kernel.close(kernelMap);
    kernel.close(kernelHash);
  }
}
