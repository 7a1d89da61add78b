package io.sluice.proxy.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AdminClientTest {
  private static final String OK = "HTTP/1.1 200 OK\r\n";
  private static final String CHUNKED = OK + "Transfer-Encoding: chunked\r\n\r\n";

  @TempDir private Path directory;

  /** What the client makes of this answer. */
  private String answered(String answer) throws Exception {
    Path path = directory.resolve("admin.sock");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      ServerSocketChannel _ = server.bind(UnixDomainSocketAddress.of(path));
      FutureTask<Boolean> answering =
          new FutureTask<>(() -> {
            try (SocketChannel channel = server.accept()) {
              int _ = channel.write(ByteBuffer.wrap(answer.getBytes(StandardCharsets.UTF_8)));
              channel.shutdownOutput();
              while (channel.read(ByteBuffer.allocate(1024)) >= 0) {} // until the client has closed
            } catch (IOException _) {
              // it closed, and had not read all
            }
            return true;
          });
      Thread.ofVirtual().start(answering);
      try {
        return new AdminClient(path).get("/status").body();
      } finally {
        answering.get(10, TimeUnit.SECONDS);
      }
    }
  }

  @Test
  void chunksArePutTogether() throws Exception {
    assertThat(answered(CHUNKED + "3\r\n{\"a\r\n4;x=y\r\n\":1}\r\n0\r\n\r\n"))
        .isEqualTo("{\"a\":1}\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"zz", "", "-4", "8000000000000000", "3 3"})
  void aChunkWithoutALengthIsNoAnswer(String size) {
    assertThatThrownBy(() -> answered(CHUNKED + size + "\r\n{}\r\n0\r\n\r\n"))
        .isInstanceOf(IOException.class)
        .hasMessage("the daemon's answer can't be read: \"" + size + "\" is no length");
  }

  @ParameterizedTest
  @ValueSource(strings = {"two", "-1", "9223372036854775808"})
  void aLengthThatIsNoneIsNoAnswer(String length) {
    assertThatThrownBy(() -> answered(OK + "Content-Length: " + length + "\r\n\r\n{}"))
        .isInstanceOf(IOException.class)
        .hasMessage("the daemon's answer can't be read: \"" + length + "\" is no length");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"Content-Length: 9\r\n\r\n{}", "Transfer-Encoding: chunked\r\n\r\n9\r\n{}"})
  void anAnswerThatIsCutShortIsNoAnswer(String rest) {
    assertThatThrownBy(() -> answered(OK + rest))
        .isInstanceOf(IOException.class)
        .hasMessage("the daemon ended the connection within its answer");
  }
}
