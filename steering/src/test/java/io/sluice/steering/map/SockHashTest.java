package io.sluice.steering.map;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.sluice.steering.Errno;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the kernel answers. What all maps share is in SockMapTest. */
class SockHashTest {
  @ParameterizedTest
  @CsvSource({
    "1, 8, 1, ", "512, 4, 1, ", "4, 8, 134217728, ",
    "0, 8, 1, EINVAL", "-1, 8, 1, EINVAL", "513, 8, 1, E2BIG",
    "4, 0, 1, EINVAL", "4, 6, 1, EINVAL", "513, 6, 1, EINVAL",
    "4, 8, 0, EINVAL", "4, 8, 134217729, EINVAL", "4, 8, -1, EINVAL",
  })
  void createValidates(int keySize, int valueSize, int maxEntries, String errno) {
    if (errno == null) {
      assertThat(new SockHash(keySize, valueSize, maxEntries).keySize()).isEqualTo(keySize);
    } else {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new SockHash(keySize, valueSize, maxEntries))
          .withMessageStartingWith(errno);
    }
  }

  @Test
  void checksComeInTheKernelsOrder() {
    SockHash map = new SockHash(1, 1);
    Socket closed = tcp();
    closed.close();

    assertThat(map.update(key(1), closed, 9)).isEqualTo(Errno.EBADF.negative());
    assertThat(map.update(key(1), tcp(), 3)).isEqualTo(Errno.EINVAL.negative());
    assertThat(map.update(key(1), tcp(), UpdateFlags.EXIST)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.update(key(1), tcp(), UpdateFlags.NOEXIST)).isZero();
    assertThat(map.update(key(1), tcp(), UpdateFlags.NOEXIST)).isEqualTo(Errno.EEXIST.negative());
    assertThat(map.update(key(2), tcp(), UpdateFlags.EXIST)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.update(key(2), tcp(), UpdateFlags.NOEXIST)).isEqualTo(Errno.E2BIG.negative());
  }

  @Test
  void aFullMapStillReplaces() {
    SockHash map = new SockHash(1, 2);
    Socket replacement = tcp();
    map.update(key(1), tcp());
    map.update(key(2), tcp());

    assertThat(map.update(key(3), tcp())).isEqualTo(Errno.E2BIG.negative());
    assertThat(map.update(key(2), replacement)).isZero();
    assertThat(map.lookup(key(2))).isSameAs(replacement);
    assertThat(map.delete(key(1))).isZero();
    assertThat(map.update(key(3), tcp())).isZero();
  }

  @Test
  void deletingAMissingKeyHasNoEntry() {
    SockHash map = new SockHash(1, 2);
    map.update(key(1), tcp());

    assertThat(map.delete(key(2))).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.delete(key(1))).isZero();
    assertThat(map.delete(key(1))).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.size()).isZero();
  }

  @Test
  void aLookupFromOutsideGivesTheCookie() {
    SockHash map = new SockHash(1, 2);
    SockHash narrow = new SockHash(1, 4, 2);
    Socket socket = tcp();
    map.update(key(1), socket);
    narrow.update(key(1), socket);

    assertThat(map.lookupCookie(key(1))).isEqualTo(socket.cookie());
    assertThat(map.lookupCookie(key(2))).isEqualTo(Errno.ENOENT.negative());
    assertThat(narrow.lookupCookie(key(1))).isEqualTo(Errno.ENOSPC.negative());
    assertThat(narrow.lookupCookie(key(2))).isEqualTo(Errno.ENOSPC.negative());
  }

  @Test
  void theKeyIsCopiedAndMayStartAnywhere() {
    SockHash map = new SockHash(2, 2);
    byte[] key = {1, 2};
    Socket socket = tcp();
    map.update(key, socket);
    key[0] = 9;

    assertThat(map.lookup(new byte[] {1, 2})).isSameAs(socket);
    assertThat(map.lookup(new byte[] {0, 1, 2, 3}, 1)).isSameAs(socket);
    assertThat(map.lookup(new byte[] {0, 1, 2, 3}, 2)).isNull();
    assertThatIllegalArgumentException().isThrownBy(() -> map.lookup(new byte[3]));
  }

  @Test
  void iterationVisitsEachKeyOnce() {
    SockHash map = new SockHash(4, 100);
    Set<Integer> expected = new HashSet<>();
    byte[] key = new byte[4];
    assertThat(map.nextKey(null, key)).isEqualTo(Errno.ENOENT.negative());
    for (int i = 0; i < 100; i++) {
      map.update(intKey(i * 1000), tcp());
      expected.add(i * 1000);
    }
    List<Integer> visited = new ArrayList<>();

    for (int rc = map.nextKey(null, key); rc == 0; rc = map.nextKey(key, key)) {
      visited.add(ByteBuffer.wrap(key).getInt());
    }

    assertThat(visited).doesNotHaveDuplicates().containsExactlyInAnyOrderElementsOf(expected);
    assertThat(map.nextKey(intKey(7), key)).isZero(); // unknown: from the beginning
    assertThat(ByteBuffer.wrap(key).getInt()).isEqualTo(visited.getFirst());
  }

  @Test
  void agreesWithANaiveMap() {
    long seed = 4711;
    Random random = new Random(seed);
    SockHash map = new SockHash(4, 64);
    Map<Integer, Socket> naive = new HashMap<>();
    List<Socket> open = new ArrayList<>(List.of(tcp(), tcp(), tcp()));
    for (int step = 0; step < 100_000; step++) {
      int key = random.nextInt(100);
      Socket socket = open.get(random.nextInt(open.size()));
      switch (random.nextInt(20)) {
        case 0 -> {
          socket.close();
          naive.values().removeIf(value -> value == socket);
          open.remove(socket);
          open.add(tcp());
        }
        case 1, 2, 3, 4, 5, 6 -> {
          int expected = naive.remove(key) == null ? Errno.ENOENT.negative() : 0;
          assertThat(map.delete(intKey(key))).describedAs(where(seed, step)).isEqualTo(expected);
        }
        default -> {
          boolean full = naive.size() == 64 && !naive.containsKey(key);
          assertThat(map.update(intKey(key), socket))
              .describedAs(where(seed, step))
              .isEqualTo(full ? Errno.E2BIG.negative() : 0);
          if (!full) {
            naive.put(key, socket);
          }
        }
      }
      int probe = random.nextInt(100);
      assertThat(map.lookup(intKey(probe)))
          .describedAs(where(seed, step))
          .isSameAs(naive.get(probe));
      assertThat(map.size()).describedAs(where(seed, step)).isEqualTo(naive.size());
    }
    map.clear();
    assertThat(map.size()).isZero();
    assertThat(map.lookup(intKey(1))).isNull();
  }

  private static String where(long seed, int step) {
    return "seed " + seed + ", step " + step;
  }

  private static byte[] key(int value) {
    return new byte[] {(byte) value};
  }

  private static byte[] intKey(int value) {
    return ByteBuffer.allocate(4).putInt(value).array();
  }

  private static Socket tcp() {
    return Socket.bound(Protocol.TCP, IpAddress.ANY_IPV4, 80).build();
  }
}
