package io.sluice.proxy.admin;

import static java.util.Objects.requireNonNull;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.CompositeByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseEncoder;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A connection to the admin server or socket: one request, one answer, and its end. What a client
 * sends behind its request is not read before the answer is sent, and then thrown away. Runs on its
 * owner's loop.
 */
public final class AdminConnection extends ChannelInboundHandlerAdapter {
  /** Within this time the answer must be taken. */
  private static final int WHOLE_SECONDS = 60;

  /**
   * How long, after the answer, we wait for the client's end: a reset could overtake the answer.
   */
  private static final int LINGER_SECONDS = 1;

  private static final int LINGER_BYTES = 256 << 10;
  private static final int MAX_HEADER_BYTES = 8 << 10;

  private static final String CONTENT_POLICY =
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
          + " base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

  private final Owner owner;
  private final int requestSeconds;
  private @Nullable ChannelHandlerContext context;
  private @Nullable ScheduledFuture<?> deadline;
  private @Nullable HttpRequest request;
  private @Nullable CompositeByteBuf body;
  private Phase phase = Phase.READING;
  private String contentType = "text/plain; charset=utf-8";
  private String allowed = "GET, HEAD";
  private boolean isHead;
  private long bodyBound;
  private int discardedBytes;

  /** Where it stands; the first gives way first to new connections. */
  public enum Phase {
    ANSWERED,
    READING,
    ANSWERING
  }

  /** Whose connections these are. Called on the loop. */
  public interface Owner {
    /** There is a new connection. */
    void admit(AdminConnection connection);

    /** A connection has ended. Told more than once. */
    void forget(AdminConnection connection);

    /** How many bytes the request's body may have; 0 has it answered without. */
    long bodyBound(HttpRequest request, AdminConnection connection);

    /** A request is there, to be answered now or later. */
    void answer(HttpRequest request, ByteBuf body, AdminConnection to);
  }

  private AdminConnection(Owner owner, int requestSeconds) {
    this.owner = owner;
    this.requestSeconds = requestSeconds;
  }

  /**
   * Makes each channel that a server accepts such a connection.
   *
   * @param requestSeconds within which the request must be complete
   */
  public static ChannelInitializer<Channel> each(
      Owner owner, int requestSeconds, int maxLineBytes) {
    return new ChannelInitializer<>() {
      @Override
      protected void initChannel(Channel child) {
        child
            .pipeline()
            .addLast(
                new HttpRequestDecoder(
                    new HttpDecoderConfig()
                        .setMaxInitialLineLength(maxLineBytes)
                        .setMaxHeaderSize(MAX_HEADER_BYTES)),
                new HttpResponseEncoder(),
                new AdminConnection(owner, requestSeconds));
      }
    };
  }

  public Phase phase() {
    return phase;
  }

  /** Its socket. */
  public Channel channel() {
    return context().channel();
  }

  @Override
  public void handlerAdded(ChannelHandlerContext added) {
    context = added;
  }

  @Override
  public void channelActive(ChannelHandlerContext active) {
    closeIn(requestSeconds);
    owner.admit(this);
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
  public void close() {
    owner.forget(this);
    var _ = context().close();
  }

  @Override
  public void channelInactive(ChannelHandlerContext inactive) {
    owner.forget(this);
    if (deadline != null) {
      deadline.cancel(false);
    }
    releaseBody();
  }

  @Override
  public void channelRead(ChannelHandlerContext read, Object message) {
    try {
      if (phase == Phase.READING && message instanceof HttpRequest head) {
        begin(head);
      }
      if (phase == Phase.READING && message instanceof HttpContent content) {
        take(content);
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

  /** The head of the request is there. */
  private void begin(HttpRequest head) {
    request = head;
    isHead = head.method().equals(HttpMethod.HEAD);
    bodyBound = head.decoderResult().isSuccess() ? owner.bodyBound(head, this) : 0;
    if (bodyBound == 0) {
      stopReading();
      owner.answer(head, Unpooled.EMPTY_BUFFER, this);
    } else if (HttpUtil.getContentLength(head, -1L) > bodyBound) {
      refuseBody();
    } else {
      body = context().alloc().compositeBuffer(Integer.MAX_VALUE);
      if (HttpUtil.is100ContinueExpected(head)) {
        var _ =
            context()
                .writeAndFlush(
                    new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.CONTINUE));
      }
    }
  }

  private void take(HttpContent content) {
    CompositeByteBuf whole = requireNonNull(body);
    if (content.decoderResult().isFailure()) {
      stopReading();
      send(HttpResponseStatus.BAD_REQUEST, "not a request that is understood here\n");
    } else if (whole.readableBytes() + (long) content.content().readableBytes() > bodyBound) {
      refuseBody();
    } else {
      whole.addComponent(true, content.content().retain());
      if (content instanceof LastHttpContent) {
        stopReading();
        owner.answer(requireNonNull(request), whole, this);
      }
    }
  }

  private void refuseBody() {
    stopReading();
    send(
        HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE,
        "the request is larger than " + bodyBound + " bytes\n");
  }

  private void stopReading() {
    phase = Phase.ANSWERING;
    closeIn(WHOLE_SECONDS);
    channel().config().setAutoRead(false);
    var _ = context().pipeline().remove(HttpRequestDecoder.class);
  }

  private void releaseBody() {
    if (body != null) {
      body.release();
      body = null;
    }
  }

  /** Of what type the page is that {@link #send(ByteBuf)} will bring. */
  public void contentType(String type) {
    contentType = type;
  }

  /** Which methods there are, for an answer that refuses another. */
  public void allowed(String methods) {
    allowed = methods;
  }

  /** Answers with a short text. */
  public void send(HttpResponseStatus status, String text) {
    send(status, Unpooled.copiedBuffer(text, StandardCharsets.UTF_8));
  }

  /** Answers with a page, which is released once it is sent. */
  public void send(ByteBuf page) {
    send(HttpResponseStatus.OK, page);
  }

  /** The page could not be made. */
  void fail() {
    contentType("text/plain; charset=utf-8");
    send(HttpResponseStatus.INTERNAL_SERVER_ERROR, "the log says why\n");
  }

  /** Answers with a page, which is released once it is sent. */
  public void send(HttpResponseStatus status, ByteBuf page) {
    if (phase == Phase.READING) {
      stopReading(); // it is answered before it has asked
    }
    releaseBody();
    int lengthBytes = page.readableBytes();
    ByteBuf sent = page;
    if (isHead) {
      page.release();
      sent = Unpooled.EMPTY_BUFFER;
    }
    var response = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, sent);
    response.headers().set(HttpHeaderNames.CONTENT_TYPE, contentType);
    response.headers().set(HttpHeaderNames.CONTENT_LENGTH, lengthBytes);
    guard(response);
    response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
    if (status.equals(HttpResponseStatus.METHOD_NOT_ALLOWED)) {
      response.headers().set(HttpHeaderNames.ALLOW, allowed);
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

  /**
   * Answers with a stream, whose end isn't known yet: chunks by {@link #part}, then {@link #end}.
   */
  public void startStream() {
    releaseBody();
    if (deadline != null) {
      deadline.cancel(false);
    }
    var response = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
    response.headers().set(HttpHeaderNames.CONTENT_TYPE, contentType);
    response.headers().set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED);
    guard(response);
    response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
    var _ = context().writeAndFlush(response);
    channel().config().setAutoRead(true); // so that its end is noticed
  }

  /** What a browser may do with it: nothing but what the page is made of. */
  private static void guard(HttpResponse response) {
    response
        .headers()
        .set(HttpHeaderNames.CONTENT_SECURITY_POLICY, CONTENT_POLICY)
        .set("x-content-type-options", "nosniff")
        .set("referrer-policy", "no-referrer")
        .set(HttpHeaderNames.CACHE_CONTROL, HttpHeaderValues.NO_STORE);
  }

  /** Sends a part of the stream; false if the client doesn't take it now. */
  public boolean part(String text) {
    if (!channel().isWritable()) {
      return false;
    }
    ByteBuf bytes = Unpooled.copiedBuffer(text, StandardCharsets.UTF_8);
    var _ = context().writeAndFlush(new DefaultHttpContent(bytes));
    return true;
  }

  /** Ends the stream. */
  public void end() {
    closeIn(WHOLE_SECONDS);
    var _ = context().writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT).addListener(_ -> linger());
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
