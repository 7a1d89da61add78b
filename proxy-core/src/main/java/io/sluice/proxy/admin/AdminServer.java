package io.sluice.proxy.admin;

import static java.util.Objects.requireNonNull;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.unix.Errors;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.handler.timeout.ReadTimeoutHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.sluice.config.HostPort;
import io.sluice.proxy.linux.Linux;
import io.sluice.steering.IpAddress;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The read-only HTTP server: {@code /metrics}, {@code /livez}, {@code /readyz} and the status page.
 * It has a thread of its own, so that a scrape never holds traffic up.
 */
public final class AdminServer implements AutoCloseable {
  private static final int MAX_REQUEST_BYTES = 8 << 10;
  private static final int IDLE_SECONDS = 75;

  private final EventLoopGroup group =
      new MultiThreadIoEventLoopGroup(
          1, new DefaultThreadFactory("sluice-admin", true), EpollIoHandler.newFactory());
  private final Channel channel;

  /**
   * What the server shows.
   *
   * @param notLive why {@code /livez} says no; empty if it says yes
   * @param notReady why {@code /readyz} says no; empty if it says yes
   */
  public record Pages(
      Supplier<String> metrics,
      Supplier<String> notLive,
      Supplier<String> notReady,
      Supplier<String> status) {}

  /**
   * Listens.
   *
   * @throws IOException if the address can't be bound
   */
  public AdminServer(HostPort address, Pages pages) throws IOException, InterruptedException {
    var bind =
        new ServerBootstrap()
            .group(group)
            .channel(EpollServerSocketChannel.class)
            .childHandler(
                new ChannelInitializer<>() {
                  @Override
                  protected void initChannel(Channel child) {
                    child
                        .pipeline()
                        .addLast(
                            new ReadTimeoutHandler(IDLE_SECONDS, TimeUnit.SECONDS),
                            new HttpServerCodec(),
                            new HttpObjectAggregator(MAX_REQUEST_BYTES),
                            new Handler(pages));
                  }
                })
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
    var _ = group.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }

  private static final class Handler extends SimpleChannelInboundHandler<FullHttpRequest> {
    private final Pages pages;

    Handler(Pages pages) {
      this.pages = pages;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
      FullHttpResponse response = answer(request);
      boolean keepAlive = HttpUtil.isKeepAlive(request) && request.decoderResult().isSuccess();
      HttpUtil.setContentLength(response, response.content().readableBytes());
      HttpUtil.setKeepAlive(response, keepAlive);
      if (request.method().equals(HttpMethod.HEAD)) {
        response.content().clear();
      }
      var written = context.writeAndFlush(response);
      if (!keepAlive) {
        var _ = written.addListener(ChannelFutureListener.CLOSE);
      }
    }

    private FullHttpResponse answer(FullHttpRequest request) {
      if (!request.decoderResult().isSuccess()) {
        return text(HttpResponseStatus.BAD_REQUEST, "bad request\n");
      }
      if (!request.method().equals(HttpMethod.GET) && !request.method().equals(HttpMethod.HEAD)) {
        FullHttpResponse refused = text(HttpResponseStatus.METHOD_NOT_ALLOWED, "read only\n");
        refused.headers().set(HttpHeaderNames.ALLOW, "GET, HEAD");
        return refused;
      }
      return switch (new QueryStringDecoder(request.uri()).path()) {
        case "/metrics" ->
            response(
                HttpResponseStatus.OK,
                pages.metrics.get(),
                "text/plain; version=0.0.4; charset=utf-8");
        case "/livez" -> health(pages.notLive.get());
        case "/readyz" -> health(pages.notReady.get());
        case "/" -> response(HttpResponseStatus.OK, pages.status.get(), "text/html; charset=utf-8");
        default -> text(HttpResponseStatus.NOT_FOUND, "see /, /metrics, /livez, /readyz\n");
      };
    }

    private static FullHttpResponse health(String why) {
      return why.isEmpty()
          ? text(HttpResponseStatus.OK, "ok\n")
          : text(HttpResponseStatus.SERVICE_UNAVAILABLE, why + "\n");
    }

    private static FullHttpResponse text(HttpResponseStatus status, String body) {
      return response(status, body, "text/plain; charset=utf-8");
    }

    private static FullHttpResponse response(
        HttpResponseStatus status, String body, String contentType) {
      FullHttpResponse response =
          new DefaultFullHttpResponse(
              HttpVersion.HTTP_1_1,
              status,
              Unpooled.wrappedBuffer(body.getBytes(StandardCharsets.UTF_8)));
      response.headers().set(HttpHeaderNames.CONTENT_TYPE, contentType);
      return response;
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      var _ = context.close(); // a broken client, or one that was silent for too long
    }
  }
}
