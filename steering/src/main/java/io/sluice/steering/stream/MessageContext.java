package io.sluice.steering.stream;

import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.Tuple;
import io.sluice.steering.map.SockHash;
import io.sluice.steering.map.SockMap;
import org.jspecify.annotations.Nullable;

/**
 * What a verdict sees of one message: its bytes, and the addresses of the socket that received it;
 * and the helpers {@link #redirect}. Belongs to one receiving socket, and to its thread.
 */
public final class MessageContext {
  /** {@link #redirect}: to be read from the target socket, rather than sent on it. */
  public static final int F_INGRESS = 1;

  private final MessageView message = new MessageView();
  private final Tuple connection;
  private @Nullable Socket target;
  private boolean isIngress;

  /** The context of a socket whose connection the lookup's context describes. */
  public MessageContext(LookupContext connection) {
    this.connection = connection.copyTo(new Tuple());
  }

  /** The message, and nothing but the message. */
  public MessageView message() {
    return message;
  }

  /**
   * Copies the addresses of the socket that received it; the ports are in host order (in the
   * kernel's {@code __sk_buff} the remote one is in network order, in the upper half of its word).
   */
  public Tuple copyTo(Tuple out) {
    return out.copyFrom(connection);
  }

  /**
   * bpf_sk_redirect_map: notes that the message goes to a socket of a map, if the verdict passes
   * it. The usual form is {@code return context.redirect(…)}.
   *
   * @param flags 0 or {@link #F_INGRESS}
   * @return {@link StreamVerdict#SK_PASS}; or {@link StreamVerdict#SK_DROP}, and nothing is noted:
   *     other flags, no such socket, a TCP listener, UDP that isn't connected
   */
  public int redirect(SockMap map, int index, long flags) {
    return redirect(map.lookup(index), flags);
  }

  /** bpf_sk_redirect_hash: the same with a map of keys. */
  public int redirect(SockHash map, byte[] key, long flags) {
    return redirect(map.lookup(key), flags);
  }

  private int redirect(@Nullable Socket socket, long flags) {
    if ((flags & ~F_INGRESS) != 0 || socket == null || !isAllowed(socket)) {
      return StreamVerdict.SK_DROP;
    }
    target = socket;
    isIngress = flags == F_INGRESS;
    return StreamVerdict.SK_PASS;
  }

  /** As sock_map_redirect_allowed in net/core/sock_map.c. */
  private static boolean isAllowed(Socket socket) {
    return socket.protocol() == Protocol.TCP
        ? socket.state() != Socket.State.LISTEN
        : socket.state() == Socket.State.ESTABLISHED;
  }

  /** Where the message is to go; null is the receiving socket. */
  @Nullable Socket target() {
    return target;
  }

  boolean isIngress() {
    return isIngress;
  }

  void forgetTarget() {
    target = null;
    isIngress = false;
  }
}
