package io.sluice.proxy.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.ServerSocket;
import org.junit.jupiter.api.Test;

/** The sockets of this very process. */
final class ProcessSocketsTest {
  private static final long OWN = ProcessHandle.current().pid();

  @Test
  void aListenerIsFoundByItsAddress() throws Exception {
    try (ServerSocket listener = new ServerSocket(0, 1, InetAddress.ofLiteral("127.0.0.1"))) {
      int port = listener.getLocalPort();
      assertThat(ProcessSockets.find(OWN, "tcp", "127.0.0.1", port)).isEqualTo("127.0.0.1:" + port);
      assertThatThrownBy(() -> ProcessSockets.find(OWN, "tcp", "127.0.0.2", port))
          .isInstanceOf(IOException.class)
          .hasMessage("process " + OWN + " has no listening tcp socket at 127.0.0.2:" + port);
      assertThatThrownBy(() -> ProcessSockets.find(OWN, "udp", "127.0.0.1", port))
          .isInstanceOf(IOException.class);
    }
  }

  @Test
  void aWildcardListenerIsReachedOverTheAddressThatIsNamed() throws Exception {
    try (ServerSocket listener = new ServerSocket(0)) {
      int port = listener.getLocalPort();
      assertThat(ProcessSockets.find(OWN, "tcp", "127.0.0.9", port)).isEqualTo("127.0.0.9:" + port);
      assertThat(ProcessSockets.find(OWN, "tcp", "0.0.0.0", port)).isEqualTo("127.0.0.1:" + port);
    }
  }

  @Test
  void aUdpSocketIsFoundToo() throws Exception {
    try (DatagramSocket socket = new DatagramSocket(0, InetAddress.ofLiteral("127.0.0.1"))) {
      int port = socket.getLocalPort();
      assertThat(ProcessSockets.find(OWN, "udp", "127.0.0.1", port)).isEqualTo("127.0.0.1:" + port);
    }
  }

  @Test
  void aProcessThatIsNotThereIsSaid() {
    assertThatThrownBy(() -> ProcessSockets.find(Integer.MAX_VALUE, "tcp", "127.0.0.1", 1))
        .hasMessage("there is no process " + Integer.MAX_VALUE);
  }
}
