package io.sluice.proxy.conformance;

import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Payload;
import io.sluice.steering.Protocol;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Connects, or sends one datagram, as a context says, and finds out which socket gets it. */
final class LiveClient {
  static final String REFUSED = "refused";
  static final String NOTHING = "nothing within the time";
  private static final long BOUND_NANOS = TimeUnit.SECONDS.toNanos(2);
  private static final int EISCONN = 106;
  private static final int PAYLOAD_BYTES = 8;

  private final Kernel kernel;
  private final Sockaddr address = new Sockaddr();
  private final NativeBuffer buffer = new NativeBuffer(PAYLOAD_BYTES);
  private final NativeBuffer received = new NativeBuffer(64);
  private long number;

  LiveClient(Kernel kernel) {
    this.kernel = kernel;
  }

  /** The twin that got it, or one of the words above. */
  Object run(LookupContext packet, List<Twin> twins) {
    boolean tcp = packet.protocol() == Protocol.TCP;
    int type = tcp ? Linux.SOCK_STREAM : Linux.SOCK_DGRAM;
    int fd = Kernel.check("socket", kernel.syscalls.socket(packet.family().number(), type));
    try {
      address.set(packet.remote(), packet.remotePort());
      Kernel.check("bind of " + packet, kernel.syscalls.bind(fd, address));
      address.set(packet.local(), packet.localPort());
      return tcp ? connect(fd, twins) : send(fd, packet, twins);
    } finally {
      kernel.close(fd);
    }
  }

  private Object connect(int fd, List<Twin> twins) {
    // By a reset at once, so that no TIME_WAIT keeps the addresses.
    Kernel.check("linger", kernel.syscalls.setResetOnClose(fd));
    long deadline = System.nanoTime() + BOUND_NANOS;
    while (System.nanoTime() < deadline) {
      int result = kernel.syscalls.connect(fd, address);
      if (result == -Linux.ECONNREFUSED) {
        return REFUSED;
      }
      if (result == 0 || result == -EISCONN) {
        for (Twin twin : twins) {
          if (twin.listens() && accepts(twin)) {
            return twin;
          }
        }
      }
    }
    return NOTHING;
  }

  private boolean accepts(Twin twin) {
    int child = kernel.syscalls.accept(twin.fd, new Sockaddr());
    if (child < 0) {
      return false;
    }
    kernel.close(child);
    return true;
  }

  private Object send(int fd, LookupContext packet, List<Twin> twins) {
    byte[] payload = Kernel.doubleWord(++number);
    packet.payload(Payload.of(payload));
    buffer.copyFrom(payload);
    Kernel.check("connect", kernel.syscalls.connect(fd, address));
    Kernel.check("send", (int) kernel.syscalls.send(fd, buffer.address(), PAYLOAD_BYTES));
    long deadline = System.nanoTime() + BOUND_NANOS;
    while (System.nanoTime() < deadline) {
      for (Twin twin : twins) {
        if (twin.takesDatagrams()
            && kernel.syscalls.receive(twin.fd, received.address(), 64) == PAYLOAD_BYTES) {
          return twin;
        }
      }
      if (kernel.syscalls.receive(fd, received.address(), 64) == -Linux.ECONNREFUSED) {
        return REFUSED;
      }
    }
    return NOTHING;
  }
}
