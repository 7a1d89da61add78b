package io.sluice.proxy.handover;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import io.sluice.steering.Tuple;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Frames between two daemons: as they are meant, and as somebody else may send them. */
@Timeout(60)
final class WireTest {
  private static final int MOST_BYTES = 1 << 20;

  @TempDir private Path directory = Path.of(".");
  private final Syscalls syscalls = new Syscalls();
  private int raw;
  private Wire left;
  private Wire right;

  @BeforeEach
  void connect() throws IOException {
    Path path = directory.resolve("s");
    int listening = syscalls.socket(Linux.AF_UNIX, Linux.SOCK_STREAM);
    assertThat(syscalls.bind(listening, new Sockaddr().setUnix(path.toString()))).isZero();
    assertThat(syscalls.listen(listening, 1)).isZero();
    left = Wire.connect(path, MOST_BYTES);
    raw = syscalls.accept(listening, new Sockaddr());
    right = new Wire(raw, MOST_BYTES);
    int _ = syscalls.close(listening);
  }

  @AfterEach
  void close() {
    left.close();
    right.close();
  }

  @Test
  void whatIsPackedIsUnpacked() throws Exception {
    Tuple tuple = new Tuple().set(Family.IPV6, Protocol.UDP, -1, 2, 65535, 3, -4, 1);
    left.send(
        Frame.SOCKETS,
        new Packer()
            .u8(255)
            .u16(65535)
            .i32(-5)
            .i64(Long.MIN_VALUE)
            .flag(true)
            .text("grüß")
            .bytes(new byte[200_000])
            .address(IpAddress.parse("2001:db8::1"))
            .tuple(tuple));
    try (Wire.Received frame = right.expect(Frame.SOCKETS)) {
      Unpacker in = frame.fields();
      assertThat(in.u8()).isEqualTo(255);
      assertThat(in.u16()).isEqualTo(65535);
      assertThat(in.i32()).isEqualTo(-5);
      assertThat(in.i64()).isEqualTo(Long.MIN_VALUE);
      assertThat(in.flag()).isTrue();
      assertThat(in.text()).isEqualTo("grüß");
      assertThat(in.bytes()).hasSize(200_000);
      assertThat(in.address()).isEqualTo(IpAddress.parse("2001:db8::1"));
      assertThat(in.tuple()).isEqualTo(tuple);
      assertThat(in.hasMore()).isFalse();
    }
  }

  @Test
  void aPipeComesWithWhatIsInIt() throws Exception {
    long pipe = syscalls.pipe(4096);
    NativeBuffer bytes = new NativeBuffer(8);
    bytes.copyFrom(new byte[] {'a', 'b', 'c'});
    assertThat(write((int) (pipe >>> 32), bytes, 3)).isEqualTo(3);
    Records records = new Records();
    records.begin().descriptor((int) pipe).descriptor((int) (pipe >>> 32)).text("pipe");
    records.end();
    records.begin().text("nothing");
    records.end();
    left.send(Frame.SESSIONS, records.fields());
    int _ = syscalls.close((int) pipe);
    int _ = syscalls.close((int) (pipe >>> 32));
    try (Wire.Received frame = right.expect(Frame.SESSIONS)) {
      List<Unpacker> all = Records.split(frame.fields());
      assertThat(all).hasSize(2);
      assertThat(all.getLast().text()).isEqualTo("nothing");
      int end = all.getFirst().descriptor();
      String file = "/proc/self/fd/" + end;
      byte[] read = new byte[3];
      try (var in = new java.io.FileInputStream(file)) {
        assertThat(in.read(read)).isEqualTo(3);
      }
      assertThat(read).containsExactly('a', 'b', 'c');
      int _ = syscalls.close(end);
      all.forEach(Unpacker::close); // and with it the other end
    }
  }

  private static int write(int fd, NativeBuffer bytes, int length) throws IOException {
    byte[] copy = new byte[length];
    bytes.bytes().get(0, copy);
    try (var out = new java.io.FileOutputStream("/proc/self/fd/" + fd)) {
      out.write(copy);
    }
    return length;
  }

  @Test
  void whatNobodyTakesIsClosed() throws Exception {
    long before = openDescriptors();
    for (int i = 0; i < 20; i++) {
      long pipe = syscalls.pipe(4096);
      Packer fields = new Packer().descriptor((int) pipe).descriptor((int) (pipe >>> 32));
      left.send(Frame.SOCKETS, fields);
      int _ = syscalls.close((int) pipe);
      int _ = syscalls.close((int) (pipe >>> 32));
      right.expect(Frame.SOCKETS).close();
    }
    assertThat(openDescriptors()).isLessThanOrEqualTo(before);
  }

  private static long openDescriptors() throws IOException {
    try (var all = java.nio.file.Files.list(Path.of("/proc/self/fd"))) {
      return all.count();
    }
  }

  @Test
  void anEndIsToldFromAFrame() {
    left.close();
    assertThatThrownBy(() -> right.receive()).isInstanceOf(EOFException.class);
  }

  @Test
  void aRefusalSaysWhy() {
    left.refuse("too old");
    assertThatThrownBy(() -> right.expect(Frame.WELCOME))
        .isInstanceOf(Wire.RefusedException.class)
        .hasMessage("too old");
  }

  @Test
  void anotherFrameThanIsExpectedIsRefused() throws Exception {
    left.send(Frame.DONE);
    assertThatThrownBy(() -> right.expect(Frame.HELLO))
        .isInstanceOf(IOException.class)
        .hasMessage("a frame DONE comes where HELLO is expected");
  }

  /** Any bytes: they are a frame, or are refused in one line. */
  @Test
  void garbageIsRefused() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int i = 0; i < 2_000; i++) {
      byte[] bytes = new byte[1 + random.nextInt(64)];
      random.nextBytes(bytes);
      if (random.nextBoolean() && bytes.length > 8) { // a frame, and then anything
        bytes[0] = 0x53;
        bytes[1] = 0x4c;
        bytes[2] = (byte) random.nextInt(20);
        bytes[3] = 0;
        bytes[4] = 0;
        bytes[5] = 0;
        bytes[6] = 0;
        bytes[7] = (byte) (bytes.length - 8);
      }
      Unpacker in = new Unpacker(Arrays.copyOfRange(bytes, 0, bytes.length), new int[0]);
      try {
        for (Unpacker one : Records.split(in)) {
          one.close();
        }
      } catch (Unpacker.MalformedException malformed) {
        assertThat(malformed.getMessage()).as("seed %d", seed).hasLineCount(1);
      }
    }
  }

  @Test
  void aStrangerIsRefused() throws Exception {
    NativeBuffer bytes = new NativeBuffer(64);
    bytes.copyFrom("GET / HTTP/1.1\r\n\r\n".getBytes(java.nio.charset.StandardCharsets.UTF_8));
    assertThat(syscalls.send(raw, bytes.address(), 18)).isEqualTo(18);
    assertThatThrownBy(() -> left.receive())
        .isInstanceOf(IOException.class)
        .hasMessage("the other side speaks something else");
  }
}
