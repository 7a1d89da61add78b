package io.sluice.proxy.loop;

import io.netty.channel.IoEventLoop;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.ScheduledFuture;
import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.observe.RateLimit;
import java.io.UncheckedIOException;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One of Netty's epoll event loops, with what a thread of the data path needs: system calls, a
 * shared buffer, pipes and timers. Unless said otherwise, methods are called on the loop's thread.
 */
public final class Loop {
  /** Everything a relayed descriptor wants to hear, once per change. */
  public static final EpollIoOps ALL_EDGES =
      EpollIoOps.EPOLLIN
          .with(EpollIoOps.EPOLLOUT)
          .with(EpollIoOps.EPOLLRDHUP)
          .with(EpollIoOps.EPOLLET);

  /** Readable, once per change: for listening and datagram sockets. */
  public static final EpollIoOps READ_EDGES = EpollIoOps.EPOLLIN.with(EpollIoOps.EPOLLET);

  /** How much one read takes, and what "a read fills the buffer" means. */
  public static final int BUFFER_BYTES = 64 << 10;

  private static final Logger log = LoggerFactory.getLogger(Loop.class);
  private static final RateLimit faultLog = new RateLimit(1_000);

  private final IoEventLoop events;
  private final int index;
  private final Syscalls syscalls;
  private final LongSupplier clock;
  private final NativeBuffer buffer = new NativeBuffer(BUFFER_BYTES);
  private final Buffers buffers;
  private final Pipes pipes;
  private final TimerWheel timers;
  private final Turns turns;
  private @Nullable Bell bell;
  private @Nullable ScheduledFuture<?> ticking;
  private long nextTickMillis;

  /** One with the machine's clock and calls. Made on any thread. */
  public Loop(IoEventLoop events, int index, BufferLimit limit) {
    this(events, index, limit, new Syscalls(), Loop::nowMillis);
  }

  /**
   * Made on any thread.
   *
   * @param limit shared by all loops
   * @param clock milliseconds; never goes back
   */
  public Loop(
      IoEventLoop events, int index, BufferLimit limit, Syscalls syscalls, LongSupplier clock) {
    this.events = events;
    this.index = index;
    this.syscalls = syscalls;
    this.clock = clock;
    this.buffers = new Buffers(syscalls, limit);
    this.pipes = new Pipes(syscalls);
    this.timers = new TimerWheel(clock.getAsLong());
    this.turns = new Turns(events, this::ring);
  }

  /** The position among the loops, from 0. Any thread. */
  public int index() {
    return index;
  }

  /** Netty's loop. Any thread. */
  public IoEventLoop events() {
    return events;
  }

  /** Runs something on the loop, after the events at hand. Any thread. */
  public void execute(Runnable task) {
    events.execute(task);
  }

  public Syscalls syscalls() {
    return syscalls;
  }

  /** The buffer that everyone on this loop reads into; valid until the event is handled. */
  public NativeBuffer buffer() {
    return buffer;
  }

  /** Memory for what can't be passed on yet. */
  public Buffers buffers() {
    return buffers;
  }

  public Pipes pipes() {
    return pipes;
  }

  /** Divides the loop's time among the connections that have much to move. */
  public Turns turns() {
    return turns;
  }

  /** What the loop's clock says, in milliseconds; it never goes back. */
  public long timeMillis() {
    return clock.getAsLong();
  }

  /** The machine's clock, which loops go by unless a test gives them another. Any thread. */
  public static long nowMillis() {
    return System.nanoTime() / 1_000_000;
  }

  /**
   * When the next tick is due: at most {@link TimerWheel#TICK_MILLIS} from now. What notes with
   * every event that something is alive uses it, as it costs no look at the clock. Valid while
   * something is scheduled.
   */
  public long nextTickMillis() {
    return nextTickMillis;
  }

  /**
   * Registers a descriptor with epoll.
   *
   * @return null if epoll refused, as it does when the system's limit of watches is reached
   */
  public @Nullable IoRegistration register(EpollIoHandle handle, EpollIoOps interest) {
    Future<IoRegistration> future = events.register(handle);
    IoRegistration registration = future.isSuccess() ? future.getNow() : null;
    if (registration != null) {
      try {
        long _ = registration.submit(interest);
      } catch (UncheckedIOException _) {
        registration.cancel();
        return null;
      }
    }
    return registration;
  }

  /** Starts or moves an entry's timeout. */
  public void schedule(TimerWheel.Entry entry) {
    timers.schedule(entry);
    if (ticking == null) {
      nextTickMillis = timeMillis() + TimerWheel.TICK_MILLIS;
      ticking =
          events.scheduleAtFixedRate(
              this::tick, TimerWheel.TICK_MILLIS, TimerWheel.TICK_MILLIS, TimeUnit.MILLISECONDS);
    }
  }

  /** Stops an entry's timeout. */
  public void cancel(TimerWheel.Entry entry) {
    timers.cancel(entry);
  }

  private void tick() {
    long now = timeMillis();
    nextTickMillis = now + TimerWheel.TICK_MILLIS;
    try {
      timers.advance(now);
    } catch (RuntimeException | Error failure) {
      fault("a timeout", failure); // thrown on, this would be the last tick
    }
    boolean hasBuffers = buffers.tick();
    boolean hasPipes = pipes.tick();
    if (timers.size() == 0 && !hasBuffers && !hasPipes && ticking != null) {
      ticking.cancel(false);
      ticking = null;
    }
  }

  /** Has those who wait for their turn go on in the next round. */
  private void ring() {
    if (bell == null) {
      try {
        bell = new Bell(this, turns::goOn);
      } catch (RuntimeException _) {
        // No descriptor: the next one who waits tries again.
      }
    }
    if (bell == null || !bell.ring()) {
      var _ = events.schedule(turns::goOn, 1, TimeUnit.MILLISECONDS);
    }
  }

  /** Logs, at a bounded rate, that something failed which can't: the others on this loop go on. */
  public void fault(String what, Throwable failure) {
    if (faultLog.permits()) {
      log.error("{} failed loop={} suppressed={}", what, index, faultLog.suppressed(), failure);
    }
  }

  /** Closes the descriptors that the loop keeps for itself, and gives its memory back. */
  public void release() {
    if (bell != null) {
      bell.close();
      bell = null;
    }
    pipes.closeAll();
    buffers.freeSpare();
  }
}
