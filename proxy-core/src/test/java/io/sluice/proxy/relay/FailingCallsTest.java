package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.name.Resolver;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a system call's failure comes to: no session hangs, and what will pass costs no byte. */
@ParameterizedClass
@ValueSource(strings = {"", ", affinity: message, framing: {type: line}"})
@Timeout(60)
final class FailingCallsTest {
  private static final int BYTES = 300_000;

  @Parameter String how = "";

  private final int port = TestDaemon.freePort();
  private final AtomicInteger sends = new AtomicInteger();
  private final AtomicInteger reads = new AtomicInteger();
  private final AtomicInteger splices = new AtomicInteger();

  /** Fails every third send, read or splice with an errno, or lets it move a few bytes only. */
  private final class Failing extends Syscalls {
    private final int errno;
    private final boolean isShort;

    Failing(int errno, boolean isShort) {
      this.errno = errno;
      this.isShort = isShort;
    }

    @Override
    public long send(int fd, long buffer, long lengthBytes, int flags) {
      if (sends.incrementAndGet() % 3 == 0) {
        return isShort ? super.send(fd, buffer, Math.min(7, lengthBytes), flags) : -errno;
      }
      return super.send(fd, buffer, lengthBytes, flags);
    }

    @Override
    public long receive(int fd, long buffer, long lengthBytes) {
      if (!isShort && reads.incrementAndGet() % 3 == 0) {
        return -errno;
      }
      return super.receive(fd, buffer, lengthBytes);
    }

    @Override
    public long splice(int from, int to, long lengthBytes) {
      if (!isShort && splices.incrementAndGet() % 3 == 0) {
        return -errno;
      }
      return super.splice(from, to, lengthBytes);
    }
  }

  private OneLoop loop(TestServer server, Resolver resolver, Syscalls calls) throws Exception {
    String web = TestDaemon.web(1, port, server.targets() + ", idleTimeout: 1h" + how);
    return new OneLoop(TestDaemon.config(web), resolver, calls, 64 << 20);
  }

  @ParameterizedTest
  @ValueSource(ints = {Linux.EINTR, Linux.ENOBUFS, Linux.ENOMEM, 0})
  void whatWillPassCostsNothing(int errno) throws Exception {
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        Resolver resolver = Resolver.offline();
        OneLoop loop = loop(server, resolver, new Failing(errno, errno == 0))) {
      for (int i = 0; i < 3; i++) {
        try (Socket client = Streams.connect(port)) {
          Streams.send(client, "DL " + BYTES + "\n");
          assertThat(Streams.readAll(client.getInputStream()))
              .isEqualTo(new Streams.Read(BYTES, Streams.patternChecksum(BYTES), false));
        }
      }
      TestDaemon.until("no session", () -> loop.sessions() == 0);
      assertThat(sends.get() + splices.get()).as("calls, of which a third failed").isGreaterThan(3);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {Linux.EMSGSIZE, Linux.EPIPE, Linux.EPERM, Linux.EINVAL, Linux.ECONNRESET})
  void whatWillNotPassEndsTheSessionAtOnce(int errno) throws Exception {
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        Resolver resolver = Resolver.offline();
        OneLoop loop = loop(server, resolver, new Failing(errno, false))) {
      for (int i = 0; i < 9; i++) {
        Streams.Read read = read();
        assertThat(read.reset() || read.bytes() == BYTES).as("%s", read).isTrue();
        TestDaemon.until("no session", () -> loop.sessions() == 0);
      }
    }
  }

  private Streams.Read read() throws IOException {
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "DL " + BYTES + "\n");
      return Streams.readAll(client.getInputStream());
    } catch (SocketException _) {
      return new Streams.Read(0, 0, true); // before connect(), or the command's send, returned
    }
  }
}
