package io.sluice.steering;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SocketTest {
  @Test
  void cookiesAreUniqueStableAndNumberedByRequest() {
    Socket first = tcp();
    Socket second = tcp();

    long cookieOfSecond = second.cookie();
    long cookieOfFirst = first.cookie();

    assertThat(cookieOfSecond).isPositive().isLessThan(cookieOfFirst);
    assertThat(second.cookie()).isEqualTo(cookieOfSecond);
    Set<Long> cookies = new HashSet<>();
    for (int i = 0; i < 1_000; i++) {
      assertThat(cookies.add(tcp().cookie())).isTrue();
    }
  }

  @Test
  void threadsThatAskAtOnceGetOneCookie() throws InterruptedException {
    for (int round = 0; round < 200; round++) {
      Socket socket = tcp();
      long[] seen = new long[2];
      Thread other = new Thread(() -> seen[0] = socket.cookie());
      other.start();
      seen[1] = socket.cookie();
      other.join();

      assertThat(seen[0]).isEqualTo(seen[1]);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0.0.0.0, false, false",
    "0.0.0.0, true, false",
    "::, false, false",
    "::, true, true",
    "::1, false, true",
    "2001:db8::1, false, true",
    "::ffff:127.0.0.1, false, false",
    "::ffff:0.0.0.0, false, false",
  })
  void aConcreteIpv6AddressMakesASocketV6Only(String address, boolean asked, boolean expected) {
    Socket.Builder builder = Socket.bound(Protocol.TCP, IpAddress.parse(address), 80);

    assertThat((asked ? builder.v6Only() : builder).build().isV6Only()).isEqualTo(expected);
  }

  @Test
  void whatTheKernelDoesNotBindIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() ->
            Socket.bound(Protocol.TCP, IpAddress.parse("::ffff:127.0.0.1"), 80).v6Only().build());
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Socket.bound(Protocol.TCP, IpAddress.ANY_IPV4, 65536))
        .withMessageContaining("65536");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Socket.bound(Protocol.TCP, IpAddress.ANY_IPV4, -1));
  }

  @ParameterizedTest
  @CsvSource({
    "TCP, LISTEN, true",
    "TCP, ESTABLISHED, false",
    "TCP, CLOSE, false",
    "UDP, CLOSE, true",
    "UDP, ESTABLISHED, false",
  })
  void takesNewByItsState(Protocol protocol, Socket.State state, boolean expected) {
    Socket socket = Socket.bound(protocol, IpAddress.ANY_IPV4, 80).state(state).build();

    assertThat(socket.takesNew()).isEqualTo(expected);
    socket.close();
    assertThat(socket.takesNew()).isFalse();
    socket.state(protocol == Protocol.TCP ? Socket.State.LISTEN : Socket.State.CLOSE);
    assertThat(socket.takesNew()).isFalse();
  }

  @Test
  void closingTellsEachListenerOnce() {
    Socket socket = tcp();
    List<String> heard = new ArrayList<>();
    Socket.CloseListener kept = closed -> heard.add("kept " + (closed == socket));
    Socket.CloseListener removed = _ -> heard.add("removed");
    socket.addCloseListener(kept);
    socket.addCloseListener(removed);
    socket.removeCloseListener(removed);

    socket.close();
    socket.close();

    assertThat(heard).containsExactly("kept true");
    assertThat(socket.isClosed()).isTrue();
    assertThat(socket.addCloseListener(kept)).isFalse();
  }

  @Test
  void saysWhatItIs() {
    assertThat(tcp()).hasToString("tcp 127.0.0.1:80");
    assertThat(Socket.bound(Protocol.UDP, IpAddress.ANY_IPV6, 53).attachment("dns").build())
        .hasToString("udp [::]:53 dns");
  }

  private static Socket tcp() {
    return Socket.bound(Protocol.TCP, IpAddress.parse("127.0.0.1"), 80).build();
  }
}
