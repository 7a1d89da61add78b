package io.sluice.steering.map;

import io.sluice.steering.Errno;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import org.jspecify.annotations.Nullable;

/**
 * The checks that {@link SockMap} and {@link SockHash} share, in the order of net/core/sock_map.c.
 */
final class SocketMapRules {
  private SocketMapRules() {}

  /**
   * Checks what doesn't depend on the key.
   *
   * @return 0 or a negative errno: EINVAL (no socket), EBADF (closed), EOPNOTSUPP (its state),
   *     EINVAL (flags)
   */
  static int check(@Nullable Socket socket, long flags) {
    if (socket == null) {
      return Errno.EINVAL.negative();
    }
    if (socket.isClosed()) {
      return Errno.EBADF.negative();
    }
    if (!isStateAllowed(socket)) {
      return Errno.EOPNOTSUPP.negative();
    }
    return UpdateFlags.areValid(flags) ? 0 : Errno.EINVAL.negative();
  }

  /** TCP that listens or is established; UDP that is bound, connected or not. */
  private static boolean isStateAllowed(Socket socket) {
    Socket.State state = socket.state();
    boolean isEstablished = state == Socket.State.ESTABLISHED;
    return socket.protocol() == Protocol.TCP
        ? isEstablished || state == Socket.State.LISTEN
        : isEstablished || state == Socket.State.CLOSE && socket.port() != 0;
  }

  /** Why a socket doesn't let itself be put into a map: EBADF (closed) or EBUSY (a sockarray). */
  static int refusal(Socket socket) {
    return (socket.isClosed() ? Errno.EBADF : Errno.EBUSY).negative();
  }

  /** Checks an update's flags against what is there. */
  static int checkExistence(boolean occupied, long flags) {
    if (occupied && flags == UpdateFlags.NOEXIST) {
      return Errno.EEXIST.negative();
    }
    return !occupied && flags == UpdateFlags.EXIST ? Errno.ENOENT.negative() : 0;
  }

  /** The answer of a lookup from outside of programs, which sees cookies instead of sockets. */
  static long cookie(int valueSize, @Nullable Socket socket) {
    if (valueSize != Long.BYTES) {
      return Errno.ENOSPC.negative();
    }
    return socket == null ? Errno.ENOENT.negative() : socket.cookie();
  }

  /** Throws unless sockets fit into values of this size: 4 or 8 bytes. */
  static void checkValueSize(int valueSize) {
    if (valueSize != Integer.BYTES && valueSize != Long.BYTES) {
      throw new IllegalArgumentException("EINVAL: value size " + valueSize + "; it is 4 or 8");
    }
  }
}
