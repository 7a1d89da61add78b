package io.sluice.proxy.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Strangers at the takeover socket, and new daemons that stop half way: the old one serves on. */
@Timeout(120)
final class TakeoverRefusedIT {
  private static final byte HELLO = 1;
  private static final byte READABLE = 4;
  private static final byte PREPARED = 6;
  private static final byte SERVING = 9;
  private static final byte SESSIONS = 10;

  @TempDir private Path directory = Path.of(".");
  private final int port = TestDaemon.freePort();
  private int refused;

  private SluiceProcess start(TestServer server) throws IOException {
    Path file =
        Files.writeString(
            directory.resolve("sluice.yaml"),
            "version: 1\nadmin: {http: none, socket: \"%s\"}\n"
                    .formatted(directory.resolve("admin.sock"))
                + TestDaemon.web(2, port, server.targets()));
    return SluiceProcess.start(
            directory, SluiceProcess.sluice(List.of(), "run", "-f", file.toString()))
        .awaitLine("ready");
  }

  private static byte[] frame(byte kind, int... fields) {
    ByteBuffer frame = ByteBuffer.allocate(8 + 2 * fields.length);
    frame.putShort((short) 0x534c).put(kind).put((byte) 0).putInt(2 * fields.length);
    for (int field : fields) {
      frame.putShort((short) field);
    }
    return frame.array();
  }

  /** What a daemon says that reads these forms, and has no version. */
  private static byte[] hello(int least, int most) {
    return frame(HELLO, least, most, 0);
  }

  /** Says something, goes away, and waits until the daemon has said why it goes no further. */
  private void say(SluiceProcess daemon, String why, byte[]... frames) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] frame : frames) {
      all.write(frame);
    }
    Path socket = directory.resolve("admin.sock.takeover");
    try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
      channel.write(ByteBuffer.wrap(all.toByteArray()));
      channel.shutdownOutput();
      ByteBuffer answer = ByteBuffer.allocate(1 << 16);
      while (channel.read(answer) >= 0) {
        answer.clear();
      }
    } catch (SocketException _) {
      // The daemon has closed before it read all.
    }
    refused++;
    TestDaemon.until(why, () -> notHandedOver(daemon) == refused);
    assertThat(daemon.output().lines().filter(it -> it.contains("not handed over")).toList())
        .last()
        .asString()
        .contains(why);
  }

  private static long notHandedOver(SluiceProcess daemon) {
    return daemon.output().lines().filter(it -> it.contains("not handed over")).count();
  }

  @Test
  void whoeverGoesNoFurtherLeavesTheOldDaemonServing() throws Exception {
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        SluiceProcess daemon = start(server);
        Socket idle = Streams.connect(port)) {
      Streams.send(idle, "ECHO\n");
      say(daemon, "speaks something else", "GET / HTTP/1.1\r\n\r\n".getBytes(UTF_8));
      say(daemon, "a frame of kind 99", frame((byte) 99));
      say(daemon, "a frame ends within a field", frame(HELLO));
      say(daemon, "in form 1; the new one takes 9 to 12", hello(9, 12));
      say(daemon, "has gone", hello(1, 1));
      say(daemon, "SESSIONS comes where READABLE", hello(1, 1), frame(SESSIONS));
      say(daemon, "SERVING comes where PREPARED", hello(1, 1), frame(READABLE), frame(SERVING));
      say(daemon, "has gone", hello(1, 1), frame(READABLE), frame(PREPARED));
      assertServes(idle);
      say(daemon, "has gone", hello(1, 1), frame(READABLE), frame(PREPARED), frame(SERVING));
      assertServes(idle);
    }
  }

  private void assertServes(Socket idle) throws IOException {
    Streams.send(idle, "still here");
    assertThat(Streams.text(idle, 10)).isEqualTo("still here");
    try (Socket fresh = Streams.connect(port)) {
      Streams.send(fresh, "DL 7\n");
      assertThat(Streams.readAll(fresh.getInputStream()).bytes()).isEqualTo(7);
    }
  }
}
