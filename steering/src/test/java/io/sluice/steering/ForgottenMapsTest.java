package io.sluice.steering;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.map.SockHash;
import io.sluice.steering.map.SockMap;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Sockets that live on through reloads, each of which makes a new map and drops the old one. */
class ForgottenMapsTest {
  private static final int RELOADS = 10_000;
  private static final int COLLECTIONS = 50;

  enum Kind {
    SOCK_MAP,
    SOCK_HASH;

    /** A new map with the socket in both of its entries. */
    Object mapWith(Socket socket) {
      return switch (this) {
        case SOCK_MAP -> {
          SockMap map = new SockMap(2);
          assertThat(map.update(0, socket)).isZero();
          assertThat(map.update(1, socket)).isZero();
          yield map;
        }
        case SOCK_HASH -> {
          SockHash map = new SockHash(1, 2);
          assertThat(map.update(new byte[] {0}, socket)).isZero();
          assertThat(map.update(new byte[] {1}, socket)).isZero();
          yield map;
        }
      };
    }
  }

  @ParameterizedTest
  @EnumSource
  void socketKeepsNoMapAliveThatNobodyHolds(Kind kind) {
    Socket socket = socket();
    List<WeakReference<Object>> maps = new ArrayList<>();
    for (int i = 0; i < RELOADS; i++) {
      maps.add(new WeakReference<>(kind.mapWith(socket)));
    }

    collectUntilGone(maps);

    assertThat(maps).allMatch(map -> map.refersTo(null));
  }

  @ParameterizedTest
  @EnumSource
  void socketForgetsTheLinksToMapsThatAreGone(Kind kind) {
    Socket socket = socket();
    List<WeakReference<Object>> maps = new ArrayList<>();
    for (int i = 0; i < RELOADS; i++) {
      maps.add(new WeakReference<>(kind.mapWith(socket)));
    }
    collectUntilGone(maps);

    Object inForce = kind.mapWith(socket);

    assertThat(socket.closeListenerCount()).as("links of %s", inForce).isEqualTo(2);
  }

  @ParameterizedTest
  @EnumSource
  void linksStayFewBehindAMapThatIsHeldForEver(Kind kind) {
    Socket socket = socket();
    Object first = kind.mapWith(socket);
    int most = 0;
    for (int i = 0; i < 100; i++) {
      WeakReference<Object> map = new WeakReference<>(kind.mapWith(socket));
      collectUntilGone(List.of(map));
      most = Math.max(most, socket.closeListenerCount());
    }

    assertThat(most).as("links, of %s too", first).isBetween(4, 10);
  }

  private static Socket socket() {
    return Socket.bound(Protocol.TCP, IpAddress.ANY_IPV6, 80).build();
  }

  private static void collectUntilGone(List<WeakReference<Object>> maps) {
    for (int i = 0; i < COLLECTIONS && !maps.stream().allMatch(it -> it.refersTo(null)); i++) {
      System.gc();
    }
  }
}
