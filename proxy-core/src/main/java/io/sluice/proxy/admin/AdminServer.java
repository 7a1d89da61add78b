package io.sluice.proxy.admin;

import static java.util.Objects.requireNonNull;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.unix.Errors;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.sluice.config.Admin;
import io.sluice.config.HostPort;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.observe.Counters;
import io.sluice.steering.IpAddress;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The read-only HTTP server: {@code /metrics}, {@code /livez}, {@code /readyz} and the status page.
 *
 * <p>Its loop does nothing that takes time: pages are made on another thread. There are few
 * connections; a new one takes the place of one that was answered, else of the oldest whose request
 * isn't complete, else of the oldest. So whoever asks whether the process lives gets an answer,
 * however many others sit there, and the descriptors that a reload needs stay free.
 */
public final class AdminServer implements AutoCloseable {
  /** Within this time the request must be complete. */
  private static final int REQUEST_SECONDS = 5;

  /** A quarter of the descriptors that traffic leaves to all else. */
  static final int MAX_CONNECTIONS = 16;

  private static final int MAX_LINE_BYTES = 2 << 10;
  private static final int PAGES_IDLE_SECONDS = 60;

  private final EventLoopGroup group =
      new MultiThreadIoEventLoopGroup(
          1, new DefaultThreadFactory("sluice-admin", true), EpollIoHandler.newFactory());
  private final ExecutorService maker =
      new ThreadPoolExecutor(
          0,
          1,
          PAGES_IDLE_SECONDS,
          TimeUnit.SECONDS,
          new LinkedBlockingQueue<>(),
          new DefaultThreadFactory("sluice-pages", true));
  private final Pages pages;
  private final AdminHosts hosts;
  private final SharedPage metrics;
  private final StatusPage status;
  private final Set<AdminConnection> connections = new LinkedHashSet<>(); // the oldest first
  private final Channel channel;

  /** What makes a page. Called by one thread at a time, which isn't the server's loop. */
  public interface Page {
    void writeTo(OutputStream out) throws IOException;
  }

  /**
   * What the server shows.
   *
   * @param metrics in Prometheus's text format
   * @param notLive why {@code /livez} says no; empty if it says yes; must not wait
   * @param notReady why {@code /readyz} says no; empty if it says yes; must not wait
   * @param status what the page at {@code /} asks for
   */
  public record Pages(
      Page metrics,
      Supplier<String> notLive,
      Supplier<String> notReady,
      StatusPage.Source status,
      Supplier<Snapshot> snapshots,
      Counters counters) {}

  /**
   * Listens.
   *
   * @throws IOException if the address can't be bound
   */
  public AdminServer(HostPort address, Admin admin, Pages pages)
      throws IOException, InterruptedException {
    this.pages = pages;
    this.hosts = new AdminHosts(admin.hosts());
    EventLoop loop = group.next();
    this.metrics = new SharedPage(pages.metrics, loop, maker);
    this.status =
        new StatusPage(
            loop, maker, pages.status, new Rates(pages.snapshots, pages.counters), hostName());
    var bind =
        new ServerBootstrap()
            .group(group)
            .channel(EpollServerSocketChannel.class)
            .childHandler(AdminConnection.each(new Serving(), REQUEST_SECONDS, MAX_LINE_BYTES))
            .bind(
                new InetSocketAddress(
                    InetAddress.getByAddress(address.address().toBytes()), address.port()))
            .await();
    if (!bind.isSuccess()) {
      var _ = group.shutdownGracefully(0, 0, TimeUnit.SECONDS);
      throw new IOException(
          "admin.http: can't bind "
              + IpAddress.withPort(address.address(), address.port())
              + ": "
              + reason(bind.cause()),
          bind.cause());
    }
    this.channel = bind.channel();
  }

  private static String hostName() {
    try {
      return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
    } catch (IOException _) {
      return "this machine";
    }
  }

  private static @Nullable String reason(Throwable cause) {
    return cause instanceof Errors.NativeIoException refused
        ? Linux.errnoName(-refused.expectedErr())
        : cause.getMessage();
  }

  /** Where it listens. */
  public HostPort address() {
    InetSocketAddress bound = (InetSocketAddress) channel.localAddress();
    return new HostPort(
        IpAddress.ofBytes(requireNonNull(bound.getAddress()).getAddress()), bound.getPort());
  }

  @Override
  public void close() {
    var _ = channel.close();
    group.next().execute(status::close);
    maker.shutdownNow();
    var _ = group.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }

  /** What its connections ask of it. On the loop. */
  private final class Serving implements AdminConnection.Owner {
    /** Another gives way if there are enough. */
    @Override
    public void admit(AdminConnection connection) {
      if (connections.size() >= MAX_CONNECTIONS) {
        AdminConnection first = connections.iterator().next();
        for (AdminConnection it : connections) {
          if (it.phase().compareTo(first.phase()) < 0) {
            first = it;
          }
        }
        first.close();
      }
      connections.add(connection);
    }

    @Override
    public void forget(AdminConnection connection) {
      connections.remove(connection);
      status.forget(connection);
    }

    @Override
    public long bodyBound(HttpRequest request, AdminConnection connection) {
      return 0;
    }

    /** Answers now, or once the page is made. */
    @Override
    public void answer(HttpRequest request, ByteBuf body, AdminConnection to) {
      String host = request.headers().get(HttpHeaderNames.HOST);
      if (!request.decoderResult().isSuccess()) {
        to.send(
            refusal(request.decoderResult().cause()), "not a request that is understood here\n");
      } else if (host == null && request.protocolVersion().equals(HttpVersion.HTTP_1_1)) {
        to.send(HttpResponseStatus.BAD_REQUEST, "the Host header is missing\n");
      } else if (host != null && !hosts.contains(host)) {
        to.send(
            HttpResponseStatus.MISDIRECTED_REQUEST,
            "ask by address, or add this Host to admin.hosts in the configuration\n");
      } else if (!request.method().equals(HttpMethod.GET)
          && !request.method().equals(HttpMethod.HEAD)) {
        to.send(HttpResponseStatus.METHOD_NOT_ALLOWED, "read only\n");
      } else {
        AdminServer.this.answer(request.uri(), to);
      }
    }
  }

  private void answer(String uri, AdminConnection to) {
    int query = uri.indexOf('?');
    String path = query < 0 ? uri : uri.substring(0, query);
    switch (path) {
      case "/livez" -> sayHealth(pages.notLive.get(), to);
      case "/readyz" -> sayHealth(pages.notReady.get(), to);
      case "/metrics" -> {
        to.contentType("text/plain; version=0.0.4; charset=utf-8");
        metrics.sendTo(to);
      }
      default -> {
        if (isWellFormed(path) && status.answer(uri, path, to)) {
          return;
        }
        if (isWellFormed(path)) {
          to.send(HttpResponseStatus.NOT_FOUND, "see /, /metrics, /livez, /readyz\n");
        } else {
          to.send(HttpResponseStatus.BAD_REQUEST, "not a path\n");
        }
      }
    }
  }

  private static void sayHealth(String why, AdminConnection to) {
    if (why.isEmpty()) {
      to.send(HttpResponseStatus.OK, "ok\n");
    } else {
      to.send(HttpResponseStatus.SERVICE_UNAVAILABLE, why + "\n");
    }
  }

  /** Printable ASCII, each % followed by two hex digits that stand for no control character. */
  private static boolean isWellFormed(String path) {
    for (int i = 0; i < path.length(); i++) {
      char c = path.charAt(i);
      if (c <= ' ' || c >= 0x7f) {
        return false;
      }
      if (c == '%') {
        int high = i + 2 < path.length() ? Character.digit(path.charAt(i + 1), 16) : -1;
        int low = i + 2 < path.length() ? Character.digit(path.charAt(i + 2), 16) : -1;
        int octet = high * 16 + low;
        if (high < 0 || low < 0 || octet < ' ' || octet == 0x7f) {
          return false;
        }
      }
    }
    return path.startsWith("/");
  }

  /** How what was sent is answered that is no request. */
  public static HttpResponseStatus refusal(Throwable cause) {
    return cause instanceof TooLongHttpLineException
        ? HttpResponseStatus.REQUEST_URI_TOO_LONG
        : cause instanceof TooLongHttpHeaderException
            ? HttpResponseStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            : HttpResponseStatus.BAD_REQUEST;
  }
}
