package io.sluice.proxy.name;

import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.handler.codec.dns.DnsRecordType;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Looks names up as the system is set up: {@code /etc/hosts} first, then the name servers and
 * search domains of {@code /etc/resolv.conf}; both are read again when they change. All queries are
 * made on one thread of its own, through one UDP socket for each server, or a TCP connection where
 * the answer doesn't fit (RFC 7766).
 *
 * <p>Netty sends the queries and matches the answers. {@link DnsQuery} says which server is next.
 */
public final class DnsLookup implements NameLookup {
  private static final Path HOSTS = Path.of("/etc/hosts");
  private static final Path RESOLV_CONF = Path.of("/etc/resolv.conf");
  private static final int PORT = 53;

  /** How long an answer of the hosts file holds: it costs a look at the file's time. */
  private static final long HOSTS_TTL_MILLIS = 5_000;

  private final WatchedFile<HostsFile> hosts;
  private final WatchedFile<ResolvConf> configuration;
  private final int port;
  private final MultiThreadIoEventLoopGroup group =
      new MultiThreadIoEventLoopGroup(
          1, new DefaultThreadFactory("sluice-names", true), EpollIoHandler.newFactory());
  private final EventLoop loop = group.next();

  private @Nullable DnsServers servers; // touched on the loop only

  DnsLookup() {
    this(HOSTS, RESOLV_CONF, PORT);
  }

  /**
   * @param port the name servers'
   */
  DnsLookup(Path hosts, Path configuration, int port) {
    this.hosts = new WatchedFile<>(hosts, HostsFile::parse);
    this.configuration = new WatchedFile<>(configuration, ResolvConf::parse);
    this.port = port;
  }

  @Override
  public @Nullable Answer known(String name) {
    List<IpAddress> addresses = hosts.content().of(name);
    return addresses.isEmpty()
        ? null
        : new Answer(of(addresses, Family.IPV4), of(addresses, Family.IPV6), HOSTS_TTL_MILLIS);
  }

  private static List<IpAddress> of(List<IpAddress> addresses, Family family) {
    return addresses.stream().filter(it -> it.family() == family).toList();
  }

  @Override
  public void ask(String name, Consumer<Answer> then) {
    loop.execute(() -> begin(name, then));
  }

  private void begin(String name, Consumer<Answer> then) {
    DnsServers servers;
    try {
      servers = servers();
    } catch (RuntimeException _) { // such as no descriptor for a socket
      then.accept(Answer.FAILED);
      return;
    }
    search(servers, servers.configuration().candidates(name), 0, then);
  }

  /** The servers as they are set up now; each set-up has sockets, and ports, of its own. */
  private DnsServers servers() {
    ResolvConf now = configuration.content();
    DnsServers open = servers;
    if (open != null && now.equals(open.configuration())) {
      return open;
    }
    DnsServers made = DnsServers.of(now, port, loop);
    if (open != null) {
      // Those that wait for an answer by the old ones still get it, or none in time.
      var _ =
          loop.schedule(open::close, open.configuration().timeoutMillis(), TimeUnit.MILLISECONDS);
    }
    servers = made;
    return made;
  }

  /** Asks for both families' addresses of one candidate after another, until one has any. */
  private void search(DnsServers servers, List<String> candidates, int at, Consumer<Answer> then) {
    String name = candidates.get(at);
    Both both =
        new Both(answer -> {
          boolean isNone =
              answer.ipv4() != null
                  && answer.ipv6() != null
                  && answer.ipv4().isEmpty()
                  && answer.ipv6().isEmpty();
          if (isNone && at + 1 < candidates.size()) {
            search(servers, candidates, at + 1, then);
          } else {
            then.accept(answer);
          }
        });
    new DnsQuery(servers, name, DnsRecordType.A, both::ipv4).ask();
    new DnsQuery(servers, name, DnsRecordType.AAAA, both::ipv6).ask();
  }

  /** Puts the answers for both families together. */
  private static final class Both {
    private final Consumer<Answer> then;
    private DnsQuery.@Nullable Result ipv4;
    private DnsQuery.@Nullable Result ipv6;

    Both(Consumer<Answer> then) {
      this.then = then;
    }

    void ipv4(DnsQuery.Result result) {
      ipv4 = result;
      goOn();
    }

    void ipv6(DnsQuery.Result result) {
      ipv6 = result;
      goOn();
    }

    private void goOn() {
      if (ipv4 != null && ipv6 != null) {
        then.accept(
            new Answer(
                ipv4.addresses(), ipv6.addresses(), Math.min(ipv4.ttlMillis(), ipv6.ttlMillis())));
      }
    }
  }

  @Override
  public void close() {
    var _ = group.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }
}
