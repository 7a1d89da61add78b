package io.sluice.bench;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.BindingTable;

/** TCP packets in columns, so that going through them costs little beside a lookup. */
final class Packets {
  private static final long REMOTE_HIGH = 0x2001_0db8L << 32;
  private static final int REMOTE_IP4 = 0xc000_0201;

  private final long[] highs;
  private final long[] lows;
  private final char[] ports;
  private final boolean[] ipv6;

  Packets(int count) {
    highs = new long[count];
    lows = new long[count];
    ports = new char[count];
    ipv6 = new boolean[count];
  }

  void set(int index, IpAddress to, int port) {
    highs[index] = to.high();
    lows[index] = to.low();
    ports[index] = (char) port;
    ipv6[index] = to.family() == Family.IPV6;
  }

  int count() {
    return ports.length;
  }

  Family family(int index) {
    return ipv6[index] ? Family.IPV6 : Family.IPV4;
  }

  IpAddress address(int index) {
    return IpAddress.of(family(index), highs[index], lows[index]);
  }

  int port(int index) {
    return ports[index];
  }

  int match(BindingTable table, int index) {
    return table.match(
        Protocol.TCP,
        ipv6[index] ? Family.IPV6 : Family.IPV4,
        highs[index],
        lows[index],
        ports[index]);
  }

  /** The packet as the relay describes it. */
  LookupContext describe(LookupContext context, int index) {
    int clientPort = 32_768 + (index & 0x3fff);
    return ipv6[index]
        ? context.ipv6(
            Protocol.TCP,
            REMOTE_HIGH,
            index,
            clientPort,
            highs[index],
            lows[index],
            ports[index],
            1)
        : context.ipv4(Protocol.TCP, REMOTE_IP4, clientPort, (int) lows[index], ports[index], 1);
  }
}
