package io.sluice.proxy.api;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.Channel;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.ScheduledFuture;
import io.sluice.config.AdminSocketSpec;
import io.sluice.proxy.admin.AdminConnection;
import io.sluice.proxy.admin.AdminServer;
import io.sluice.proxy.linux.PeerCredentials;
import io.sluice.proxy.linux.Syscalls;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The server behind the admin socket. Its loop takes requests in; what takes time is done on two
 * other threads, one for what is only shown and one for changes, so that neither a slow change nor
 * a long list holds up the rest.
 *
 * <p>Who may do what is decided by the kernel's word on who connects. While all places are taken,
 * no more connections are accepted: they wait in the kernel, and each gets its answer. Whoever has
 * no right is told so at once, and its place is free again.
 */
public final class AdminSocket implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(AdminSocket.class);

  /** With those of {@code admin.http} half of the descriptors that traffic leaves to all else. */
  static final int MAX_CONNECTIONS = 16;

  /** How many that have no right may still read that they have none. */
  private static final int MAX_REFUSED = 8;

  /** How many may follow something at once. */
  static final int MAX_STREAMS = 8;

  /** How large a request may be. */
  static final int MAX_BODY_BYTES = 1 << 20;

  /** How large one may be, one at a time, which says before how large it is: a million bindings. */
  static final int MAX_LARGE_BODY_BYTES = 128 << 20;

  private static final int BACKLOG = 4_096;
  private static final int REQUEST_SECONDS = 30;
  private static final int MAX_LINE_BYTES = 8 << 10;
  private static final int IDLE_SECONDS = 60;
  private static final int STREAM_MILLIS = 200;

  private final EventLoopGroup group =
      new MultiThreadIoEventLoopGroup(
          1, new DefaultThreadFactory("sluice-socket", true), EpollIoHandler.newFactory());
  private final ExecutorService reading = oneThread("sluice-show");
  private final ExecutorService changing = oneThread("sluice-change");
  private final Syscalls syscalls = new Syscalls(); // the loop's
  private final Routes routes;
  private final Rights rights;
  private final Channel channel;
  private final Map<AdminConnection, Peer> connections = new HashMap<>();
  private final Set<AdminConnection> refused = new LinkedHashSet<>(); // the oldest first
  private final Map<AdminConnection, Stream> streams = new HashMap<>();
  private @Nullable AdminConnection large;

  private record Stream(Route.Source source, ScheduledFuture<?> sending) {}

  /**
   * Listens.
   *
   * @throws IOException if it can't; the message is one line that begins with {@code admin.}
   */
  public AdminSocket(Path path, AdminSocketSpec spec, Routes routes)
      throws IOException, InterruptedException {
    this.routes = routes;
    SocketFile.makeRoom(path);
    var bind =
        new ServerBootstrap()
            .group(group)
            .channel(EpollServerDomainSocketChannel.class)
            .option(ChannelOption.SO_BACKLOG, BACKLOG)
            .childHandler(AdminConnection.each(new Serving(), REQUEST_SECONDS, MAX_LINE_BYTES))
            .bind(new DomainSocketAddress(path.toString()))
            .await();
    if (!bind.isSuccess()) {
      var _ = group.shutdownGracefully(0, 0, TimeUnit.SECONDS);
      throw new IOException(
          "admin.socket: can't listen at " + path + ": " + bind.cause().getMessage(), bind.cause());
    }
    this.channel = bind.channel();
    boolean isReady = false;
    try {
      this.rights = new Rights(spec, (int) Files.getAttribute(path, "unix:uid"));
      // connect(2) asks for the right to write; who is let in is decided by the credentials.
      String mode = spec.isShared() ? "rw-rw-rw-" : "rw-------";
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(mode));
      isReady = true;
    } finally {
      if (!isReady) {
        close();
      }
    }
  }

  private static ExecutorService oneThread(String name) {
    var one =
        new ThreadPoolExecutor(
            1,
            1,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(), // as long as there are connections
            new DefaultThreadFactory(name, true));
    one.allowCoreThreadTimeOut(true);
    return one;
  }

  /** Stops listening, and removes the file. */
  @Override
  public void close() {
    boolean _ = channel.close().awaitUninterruptibly(1, TimeUnit.SECONDS);
    reading.shutdownNow();
    changing.shutdownNow();
    var _ = group.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }

  /** What its connections ask of it. On the loop. */
  private final class Serving implements AdminConnection.Owner {
    @Override
    public void admit(AdminConnection connection) {
      int fd = ((EpollDomainSocketChannel) connection.channel()).fd().intValue();
      PeerCredentials who = PeerCredentials.of(syscalls, fd);
      Peer peer =
          who == null
              ? new Peer(0, -1, Right.NONE)
              : new Peer(who.pid(), who.uid(), rights.of(who));
      if (peer.right() == Right.NONE) {
        if (refused.size() >= MAX_REFUSED) {
          refused.iterator().next().close();
        }
        refused.add(connection);
        send(
            connection,
            Response.refused(
                HttpResponseStatus.FORBIDDEN,
                "user " + peer.uid() + " may not use this socket; see admin.users, admin.groups"));
        return;
      }
      connections.put(connection, peer);
      channel.config().setAutoRead(connections.size() < MAX_CONNECTIONS);
    }

    @Override
    public void forget(AdminConnection connection) {
      connections.remove(connection);
      refused.remove(connection);
      Stream stream = streams.remove(connection);
      if (stream != null) {
        stream.sending.cancel(false);
        stream.source.close();
      }
      if (large == connection) {
        large = null;
      }
      channel.config().setAutoRead(connections.size() < MAX_CONNECTIONS);
    }

    @Override
    public long bodyBound(HttpRequest request, AdminConnection connection) {
      Peer peer = connections.get(connection);
      if (peer == null) {
        return 0; // it has been answered
      }
      boolean isLarge = HttpUtil.getContentLength(request, 0L) > MAX_BODY_BYTES;
      if (!isLarge || peer.right() != Right.CHANGE || large != null) {
        return MAX_BODY_BYTES;
      }
      large = connection;
      return MAX_LARGE_BODY_BYTES;
    }

    @Override
    public void answer(HttpRequest request, ByteBuf body, AdminConnection to) {
      Peer peer = connections.get(to);
      if (peer == null) {
        return; // it has been answered
      }
      if (!request.decoderResult().isSuccess()) {
        to.send(
            AdminServer.refusal(request.decoderResult().cause()),
            "not a request that is understood here\n");
        return;
      }
      QueryStringDecoder target = new QueryStringDecoder(request.uri());
      try {
        answer(request, target.path(), target.parameters(), body, peer, to);
      } catch (IllegalArgumentException malformed) {
        refuse(to, HttpResponseStatus.BAD_REQUEST, "not a path: " + malformed.getMessage());
      }
    }

    private void answer(
        HttpRequest request,
        String path,
        Map<String, List<String>> query,
        ByteBuf body,
        Peer peer,
        AdminConnection to) {
      List<Route> known = routes.at(path);
      Route route = null;
      for (Route it : known) {
        route = it.method().equals(request.method().name()) ? it : route;
      }
      if (known.isEmpty()) {
        refuse(to, HttpResponseStatus.NOT_FOUND, path + " is nothing here; see /openapi.json");
      } else if (route == null) {
        to.allowed(String.join(", ", known.stream().map(Route::method).toList()));
        refuse(
            to,
            HttpResponseStatus.METHOD_NOT_ALLOWED,
            path + " takes " + String.join(", ", known.stream().map(Route::method).toList()));
      } else if (route.right().compareTo(peer.right()) > 0) {
        refuse(
            to,
            HttpResponseStatus.FORBIDDEN,
            "user " + peer.uid() + " may only read (admin.readers)");
      } else {
        String accept = request.headers().get(HttpHeaderNames.ACCEPT, "");
        boolean isForPeople = accept.startsWith("text/plain");
        Request whole = new Request(query, ByteBufUtil.getBytes(body), isForPeople, peer);
        serve(route, whole, to);
      }
    }
  }

  private void serve(Route route, Request request, AdminConnection to) {
    switch (route.kind()) {
      case Route.Once once -> {
        ExecutorService thread = route.right() == Right.CHANGE ? changing : reading;
        thread.execute(() -> {
          Response answer = answer(route, once.handler(), request);
          to.channel().eventLoop().execute(() -> send(to, answer));
        });
      }
      case Route.Lines lines -> {
        if (streams.size() >= MAX_STREAMS) {
          refuse(
              to,
              HttpResponseStatus.SERVICE_UNAVAILABLE,
              MAX_STREAMS + " streams are read already, which is all there may be");
          return;
        }
        try {
          follow(lines.streamer().start(request), to);
        } catch (BadRequestException bad) {
          refuse(to, HttpResponseStatus.BAD_REQUEST, String.valueOf(bad.getMessage()));
        }
      }
    }
  }

  private static Response answer(Route route, Route.Handler handler, Request request) {
    try {
      return handler.answer(request);
    } catch (BadRequestException bad) {
      return Response.refused(HttpResponseStatus.BAD_REQUEST, String.valueOf(bad.getMessage()));
    } catch (InterruptedException _) {
      return Response.refused(HttpResponseStatus.SERVICE_UNAVAILABLE, "the daemon stops");
    } catch (RuntimeException | Error failure) {
      log.error("a request failed method={} path={}", route.method(), route.path(), failure);
      return Response.refused(
          HttpResponseStatus.INTERNAL_SERVER_ERROR, "the daemon's log says why");
    }
  }

  /** Sends what comes, as fast as the client takes it. */
  private void follow(Route.Source source, AdminConnection to) {
    to.contentType("application/jsonl");
    to.startStream();
    ScheduledFuture<?> sending =
        to.channel()
            .eventLoop()
            .scheduleWithFixedDelay(
                () -> {
                  if (to.channel().isWritable()) {
                    String lines = source.next();
                    if (!lines.isEmpty()) {
                      boolean _ = to.part(lines);
                    }
                  }
                },
                0,
                STREAM_MILLIS,
                TimeUnit.MILLISECONDS);
    streams.put(to, new Stream(source, sending));
  }

  private static void refuse(AdminConnection to, HttpResponseStatus status, String why) {
    send(to, Response.refused(status, why));
  }

  private static void send(AdminConnection to, Response answer) {
    to.contentType(answer.contentType());
    to.send(answer.status(), answer.body());
  }
}
