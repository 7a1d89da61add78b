package io.sluice.proxy.relay;

import io.netty.channel.epoll.EpollIoOps;
import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.header.ProxyHeader;
import io.sluice.proxy.header.Via;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.Watched;
import io.sluice.proxy.observe.RateLimit;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.Target;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An accepted connection whose PROXY protocol header is not complete yet. Bytes are only looked at
 * (MSG_PEEK) until it is; then exactly the header is taken, and the connection goes on to the
 * lookup with all of its payload still in the kernel.
 *
 * <p>Holds no buffer. SO_RCVLOWAT spares it the wake-ups that bring too little. The kernel wakes it
 * all the same when its memory runs short; then it asks how much there is before it looks again, so
 * a peer that sends single bytes has each of them read a bounded number of times. Called on its
 * loop only.
 */
final class HeaderWait extends Held implements Runnable {
  private static final Logger log = LoggerFactory.getLogger(HeaderWait.class);
  private static final RateLimit logLimit = new RateLimit(1_000);
  private static final EpollIoOps EDGES = Loop.READ_EDGES.with(EpollIoOps.EPOLLRDHUP);

  private final long deadlineMillis;
  private int lowWater = 1;
  private int readings;
  private boolean isEnding;
  private boolean isQueued;

  /**
   * @param physical describes the connection as it came
   */
  HeaderWait(TcpRelay relay, int fd, LookupContext physical, long timeoutMillis) {
    super(relay, fd, physical, null);
    this.deadlineMillis = startMillis() + timeoutMillis;
  }

  /** One that another daemon has begun to wait for. */
  HeaderWait(TcpRelay relay, int fd, LookupContext physical, long timeoutMillis, int lowWater) {
    this(relay, fd, physical, timeoutMillis);
    this.lowWater = lowWater;
  }

  @Override
  boolean pack(Packer out) {
    SessionForm.pack(this, out);
    return !isOver();
  }

  @Override
  void depart() {
    stopWaiting();
    socket.unwatch();
  }

  @Override
  public void gone() {
    socket.closeQuietly();
    relay.ended();
  }

  @Override
  public void back() {
    waitAgain();
  }

  int lowWater() {
    return lowWater;
  }

  /**
   * Reads after the other events at hand: one of them may be for a socket that was closed a moment
   * ago, and whose number the connection to the target would get.
   */
  @Override
  void ready(int events) {
    isEnding |= (events & Watched.ENDING) != 0;
    if (!isQueued) {
      isQueued = true;
      loop().execute(this);
    }
  }

  /** Looks at what has come already, which mostly is all, and waits for the rest. */
  @Override
  void begin() {
    relay.sessions().add(this);
    read();
    if (isOver()) {
      return;
    }
    try {
      if (!socket.watch(loop(), EDGES)) {
        refuse(Refusal.NO_DESCRIPTORS, "epoll has no more watches");
      } else {
        loop().schedule(this);
      }
    } catch (RuntimeException | Error failure) {
      failed(failure);
    }
  }

  /** How often it has looked at what had come, for tests. */
  int readings() {
    return readings;
  }

  Loop loop() {
    return relay.loop();
  }

  private Syscalls syscalls() {
    return relay.loop().syscalls();
  }

  @Override
  public void run() {
    isQueued = false;
    if (!isOver()) {
      read();
    }
  }

  private void read() {
    try {
      if (isEnding || isEnough()) {
        readHeader();
      }
    } catch (RuntimeException | Error failure) {
      failed(failure); // thrown on, others would not be served
    }
  }

  /** Whether there can be more to see than the last time. */
  private boolean isEnough() {
    return lowWater == 1 || syscalls().unread(number()) >= lowWater;
  }

  @Override
  void failed(Throwable failure) {
    loop().fault("a PROXY header", failure);
    if (!isOver()) {
      refuse(Refusal.FAULT, "a fault of ours");
    }
  }

  private void readHeader() {
    readings++;
    ProxyHeader header = relay.header();
    long count = syscalls().peek(number(), loop().buffer().address(), ProxyHeader.MAX_BYTES);
    if (count == -Linux.EAGAIN) {
      if (isEnding) {
        refuse(Refusal.PROXY_HEADER, "it ended");
      }
      return;
    }
    if (count <= 0) {
      refuse(Refusal.PROXY_HEADER, "it ended before its header");
      return;
    }
    ByteBuffer in = loop().buffer().bytes().slice(0, (int) count);
    int length = header.read(in, Protocol.TCP);
    if (length > 0) {
      complete(header, header.tlvs(in), length);
    } else if (length == ProxyHeader.MALFORMED) {
      refuse(Refusal.PROXY_HEADER, header.problem());
    } else if (isEnding) {
      refuse(Refusal.PROXY_HEADER, "it ended within its header");
    } else {
      wakeAt(header.neededBytes());
    }
  }

  private void wakeAt(int bytes) {
    if (bytes != lowWater) {
      lowWater = bytes;
      int _ = syscalls().setOption(number(), Linux.SOL_SOCKET, Linux.SO_RCVLOWAT, bytes);
    }
  }

  private void complete(ProxyHeader header, byte[] tlvs, int length) {
    int left = length;
    while (left > 0) {
      long taken = syscalls().receive(number(), loop().buffer().address(), left);
      if (taken <= 0) {
        refuse(Refusal.PROXY_HEADER, "it ended"); // a reset throws away what had come
        return;
      }
      left -= (int) taken;
    }
    wakeAt(1);
    LookupContext context = relay.lookup();
    if (header.hasAddresses()) {
      header.describe(context, ifindex);
    } else {
      client.describe(context, ifindex);
    }
    boolean saysSomething = header.hasAddresses() || tlvs.length > 0;
    Via via = saysSomething ? client.with(tlvs) : null;
    if (via != null) {
      LookupContext _ = via.addTo(context);
    }
    leave();
    relay.open(number(), context, via);
  }

  private void refuse(Refusal reason, String problem) {
    if (logLimit.permits()) {
      log.warn(
          "no PROXY header taken peer={} why=\"{}\" suppressed={}",
          client,
          problem,
          logLimit.suppressed());
    }
    refuse(reason, (Target) null);
  }

  @Override
  protected long deadlineMillis() {
    return deadlineMillis;
  }

  @Override
  protected void expired() {
    refuse(Refusal.PROXY_HEADER_TIMEOUT, "not complete in time");
  }

  @Override
  @Nullable String label() {
    return null;
  }

  @Override
  String waitsFor() {
    return "awaits-header";
  }
}
