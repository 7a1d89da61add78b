package io.sluice.proxy.connect;

import io.sluice.proxy.health.Endpoint;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.observe.Refusal;
import org.jspecify.annotations.Nullable;

/**
 * What came of opening a socket towards a target. A loop has one, which each try fills anew: what
 * is wanted of it is read before the next. Called on its loop only.
 */
public final class Attempt {
  /** How far it came. */
  public enum State {
    CONNECTED,
    /** epoll will tell. */
    CONNECTING,
    /** A Unix socket whose backlog is full: the same may succeed soon. */
    BUSY,
    /** There is no socket; {@link #reason} says why. */
    FAILED
  }

  private static final int NONE = -1;

  private final Sockaddr remote = new Sockaddr();
  private @Nullable Endpoint endpoint;
  private State state = State.FAILED;
  private Refusal reason = Refusal.CONNECT_ERROR;
  private int descriptor = NONE;
  private int errno;
  private boolean mayReturn;

  /** Begins anew. */
  Attempt start() {
    mayReturn = true;
    return failed(Refusal.CONNECT_ERROR, 0);
  }

  Attempt opened(int fd, State how) {
    state = how;
    descriptor = fd;
    errno = 0;
    return this;
  }

  /**
   * Notes a failure.
   *
   * @param result a negative errno
   */
  public Attempt failed(Refusal why, int result) {
    state = State.FAILED;
    reason = why;
    descriptor = NONE;
    errno = -result;
    return this;
  }

  Attempt busy() {
    state = State.BUSY;
    descriptor = NONE;
    errno = Linux.EAGAIN;
    return this;
  }

  /** What the socket sends are the very packets that came in, on their way to another machine. */
  void cannotReturn() {
    mayReturn = false;
  }

  public State state() {
    return state;
  }

  /** Whether there is a socket. */
  public boolean isOpen() {
    return state == State.CONNECTED || state == State.CONNECTING;
  }

  /** Which of the target's endpoints is tried; null if it has none. */
  public @Nullable Endpoint endpoint() {
    return endpoint;
  }

  void endpoint(@Nullable Endpoint endpoint) {
    this.endpoint = endpoint;
  }

  /** Where the target is. */
  public Sockaddr remote() {
    return remote;
  }

  /** The socket, if it {@link #isOpen}. */
  public int descriptor() {
    return descriptor;
  }

  /** Why there is none. */
  public Refusal reason() {
    return reason;
  }

  /** What the kernel answered, positive; 0 if it wasn't asked. */
  public int errno() {
    return errno;
  }

  /** Whether what the socket sends could come back to us, if its target is captured. */
  public boolean mayReturn() {
    return mayReturn;
  }
}
