package io.sluice.proxy.capture;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import java.net.DatagramSocket;
import java.net.ServerSocket;
import org.junit.jupiter.api.Test;

final class PortHolderTest {
  private static final IpAddress LOOPBACK = IpAddress.ipv4(0x7f000001);
  private static final String OURSELVES = "(pid " + ProcessHandle.current().pid() + ")";

  @Test
  void theHolderOfATcpPortIsNamed() throws Exception {
    try (ServerSocket held = new ServerSocket(0, 1, Streams.LOOPBACK)) {
      assertThat(PortHolder.find(Protocol.TCP, LOOPBACK, held.getLocalPort())).endsWith(OURSELVES);
    }
  }

  @Test
  void theHolderOfAUdpPortIsNamed() throws Exception {
    try (DatagramSocket held = new DatagramSocket(0, Streams.LOOPBACK)) {
      assertThat(PortHolder.find(Protocol.UDP, LOOPBACK, held.getLocalPort())).endsWith(OURSELVES);
    }
  }

  @Test
  void aFreePortIsHeldByNobody() {
    assertThat(PortHolder.find(Protocol.TCP, LOOPBACK, TestDaemon.freePort()))
        .startsWith("nobody that");
  }
}
