package io.sluice.proxy.name;

import io.netty.channel.EventLoop;
import io.netty.channel.epoll.EpollDatagramChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.resolver.dns.DnsNameResolver;
import io.netty.resolver.dns.DnsNameResolverBuilder;
import io.netty.resolver.dns.SingletonDnsServerAddressStreamProvider;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;

/**
 * The name servers of one set-up, and a socket for each. Netty takes all loopback addresses for one
 * and the same, so two servers there couldn't share a socket. Called on its loop only.
 */
final class DnsServers implements AutoCloseable {
  /** What passes through every network in one piece (DNS flag day 2020). */
  private static final int LARGEST_DATAGRAM = 1232;

  private final ResolvConf configuration;
  private final int port;
  private final List<DnsNameResolver> sockets = new ArrayList<>();

  /** The server that has answered last: the first to be asked. */
  int preferred;

  private DnsServers(ResolvConf configuration, int port) {
    this.configuration = configuration;
    this.port = port;
  }

  /** Opens the sockets; if one can't be opened, none is. */
  static DnsServers of(ResolvConf configuration, int port, EventLoop loop) {
    DnsServers servers = new DnsServers(configuration, port);
    try {
      for (int i = 0; i < configuration.servers().size(); i++) {
        servers.open(i, loop);
      }
    } catch (RuntimeException failure) {
      servers.close();
      throw failure;
    }
    return servers;
  }

  private void open(int index, EventLoop loop) {
    sockets.add(
        new DnsNameResolverBuilder(loop)
            .datagramChannelType(EpollDatagramChannel.class)
            .socketChannelType(EpollSocketChannel.class)
            .nameServerProvider(new SingletonDnsServerAddressStreamProvider(address(index)))
            .hostsFileEntriesResolver((_, _) -> null)
            .queryTimeoutMillis(configuration.timeoutMillis())
            .maxPayloadSize(LARGEST_DATAGRAM)
            .build());
  }

  ResolvConf configuration() {
    return configuration;
  }

  DnsNameResolver socket(int index) {
    return sockets.get(index);
  }

  InetSocketAddress address(int index) {
    InetAddress address = configuration.servers().get(index);
    return new InetSocketAddress(address, port);
  }

  @Override
  public void close() {
    sockets.forEach(DnsNameResolver::close);
  }
}
