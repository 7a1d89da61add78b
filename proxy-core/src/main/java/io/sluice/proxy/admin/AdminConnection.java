package io.sluice.proxy.admin;

import static java.util.Objects.requireNonNull;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A connection to the admin server: one request, one answer, and its end. What a client sends
 * behind its request is not read before the answer is sent, and then thrown away. Runs on the
 * server's loop.
 */
final class AdminConnection extends ChannelInboundHandlerAdapter {
  /** Within this time the request must be complete. */
  private static final int REQUEST_SECONDS = 5;

  /** Within this time the answer must be taken. */
  private static final int WHOLE_SECONDS = 60;

  /**
   * How long, after the answer, we wait for the client's end: a reset could overtake the answer.
   */
  private static final int LINGER_SECONDS = 1;

  private static final int LINGER_BYTES = 256 << 10;

  private final AdminServer server;
  private @Nullable ChannelHandlerContext context;
  private @Nullable ScheduledFuture<?> deadline;
  private Phase phase = Phase.READING;
  private String contentType = "text/plain; charset=utf-8";
  private boolean isHead;
  private int discardedBytes;

  /** Where it stands; the first gives way first to new connections. */
  enum Phase {
    ANSWERED,
    READING,
    ANSWERING
  }

  AdminConnection(AdminServer server) {
    this.server = server;
  }

  Phase phase() {
    return phase;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext added) {
    context = added;
  }

  @Override
  public void channelActive(ChannelHandlerContext active) {
    server.admit(this);
    closeIn(REQUEST_SECONDS);
  }

  private void closeIn(int seconds) {
    if (deadline != null) {
      deadline.cancel(false);
    }
    deadline = context().executor().schedule(this::close, seconds, TimeUnit.SECONDS);
  }

  private ChannelHandlerContext context() {
    return requireNonNull(context);
  }

  /** Closes it, whatever it is at. */
  void close() {
    server.forget(this);
    var _ = context().close();
  }

  @Override
  public void channelInactive(ChannelHandlerContext inactive) {
    server.forget(this);
    if (deadline != null) {
      deadline.cancel(false);
    }
  }

  @Override
  public void channelRead(ChannelHandlerContext read, Object message) {
    try {
      if (phase == Phase.READING && message instanceof HttpRequest request) {
        phase = Phase.ANSWERING;
        closeIn(WHOLE_SECONDS);
        read.channel().config().setAutoRead(false);
        var _ = read.pipeline().remove(HttpRequestDecoder.class);
        isHead = request.method().equals(HttpMethod.HEAD);
        server.answer(request, this);
      } else if (message instanceof ByteBuf rest) {
        discardedBytes += rest.readableBytes();
        if (discardedBytes > LINGER_BYTES) {
          close();
        }
      }
    } finally {
      ReferenceCountUtil.release(message);
    }
  }

  /** Of what type the page is that {@link #send(ByteBuf)} will bring. */
  void contentType(String type) {
    contentType = type;
  }

  /** Answers with a short text. */
  void send(HttpResponseStatus status, String text) {
    send(status, Unpooled.copiedBuffer(text, StandardCharsets.UTF_8));
  }

  /** Answers with a page, which is released once it is sent. */
  void send(ByteBuf page) {
    send(HttpResponseStatus.OK, page);
  }

  /** The page could not be made. */
  void fail() {
    contentType("text/plain; charset=utf-8");
    send(HttpResponseStatus.INTERNAL_SERVER_ERROR, "the log says why\n");
  }

  private void send(HttpResponseStatus status, ByteBuf body) {
    int lengthBytes = body.readableBytes();
    ByteBuf sent = body;
    if (isHead) {
      body.release();
      sent = Unpooled.EMPTY_BUFFER;
    }
    var response = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, sent);
    response.headers().set(HttpHeaderNames.CONTENT_TYPE, contentType);
    response.headers().set(HttpHeaderNames.CONTENT_LENGTH, lengthBytes);
    response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
    if (status.equals(HttpResponseStatus.METHOD_NOT_ALLOWED)) {
      response.headers().set(HttpHeaderNames.ALLOW, "GET, HEAD");
    }
    var _ =
        context()
            .writeAndFlush(response)
            .addListener(written -> {
              if (written.isSuccess()) {
                linger();
              } else {
                close();
              }
            });
  }

  private void linger() {
    phase = Phase.ANSWERED;
    closeIn(LINGER_SECONDS);
    var _ = ((DuplexChannel) context().channel()).shutdownOutput();
    context().channel().config().setAutoRead(true);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext broken, Throwable cause) {
    close();
  }
}
