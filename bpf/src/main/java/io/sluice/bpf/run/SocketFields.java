package io.sluice.bpf.run;

import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import org.jspecify.annotations.Nullable;

/** {@code struct bpf_sock}: what programs may read of a socket. */
public final class SocketFields {
  private static final int END = 80;
  private static final int TYPE_STREAM = 1;
  private static final int TYPE_DATAGRAM = 2;

  private SocketFields() {}

  /** Whether the kernel's verifier takes a load. */
  public static boolean isReadable(int offset, int size) {
    return offset >= 0 && offset + size <= END && size <= Integer.BYTES && offset % size == 0;
  }

  /** Loads from a socket. */
  public static long load(@Nullable Object socket, int offset, int size) {
    if (!(socket instanceof Socket it)) {
      throw Trap.nullPointer();
    }
    long word = word(it, offset & ~3) >>> (offset & 3) * 8;
    return size == 4 ? word : size == 2 ? word & 0xffff : word & 0xff;
  }

  private static long word(Socket socket, int offset) {
    return switch (offset) {
      case 0 -> socket.boundIfindex();
      case 4 -> number(socket.family());
      case 8 -> socket.protocol() == Protocol.TCP ? TYPE_STREAM : TYPE_DATAGRAM;
      case 12 -> socket.protocol().number();
      case 24 -> socket.family() == Family.IPV4 ? swapped((int) socket.address().low()) : 0;
      case 28 -> ip6Word(socket, socket.address().high() >>> 32);
      case 32 -> ip6Word(socket, socket.address().high());
      case 36 -> ip6Word(socket, socket.address().low() >>> 32);
      case 40 -> ip6Word(socket, socket.address().low());
      case 44 -> socket.port();
      case 72 -> socket.state().number();
      default -> 0; // mark, priority, the peer, the receive queue: nothing of it is known here
    };
  }

  private static long ip6Word(Socket socket, long word) {
    return socket.family() == Family.IPV6 ? swapped((int) word) : 0;
  }

  /** AF_INET or AF_INET6. */
  static long number(Family family) {
    return family == Family.IPV4 ? 2 : 10;
  }

  /** A word in network order. */
  static long swapped(int word) {
    return Integer.reverseBytes(word) & 0xffff_ffffL;
  }
}
