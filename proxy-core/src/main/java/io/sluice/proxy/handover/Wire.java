package io.sluice.proxy.handover;

import io.sluice.proxy.linux.DescriptorMessage;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.linux.PeerCredentials;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The connection between the two daemons: frames on a Unix stream socket, each with the descriptors
 * that its first byte brings.
 *
 * <pre>
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-------------------------------+---------------+---------------+
 *   |       magic: 0x534c ("SL")    |     kind      |  descriptors  |
 *   +-------------------------------+---------------+---------------+
 *   |                 length of the fields, in bytes                |
 *   +---------------------------------------------------------------+
 *   |  fields …
 * </pre>
 *
 * <p>Blocks, for at most the time that it is given; belongs to one thread.
 */
public final class Wire implements AutoCloseable {
  /** How long the other side may say nothing. */
  public static final long PATIENCE_MILLIS = 5_000;

  private static final int MAGIC = 0x534c;
  private static final int HEADER_BYTES = 8;
  private static final int BUFFER_BYTES = 64 << 10;
  private static final long NANOS_PER_MILLI = 1_000_000;

  private final Syscalls syscalls = new Syscalls();
  private final DescriptorMessage message = new DescriptorMessage(syscalls);
  private final NativeBuffer buffer = new NativeBuffer(BUFFER_BYTES);
  private final int fd;
  private final int mostBytes;
  private boolean isClosed;

  /**
   * @param fd a connected stream socket of AF_UNIX, which is this object's from now on
   * @param mostBytes how long the other side's frames may be
   */
  public Wire(int fd, int mostBytes) {
    this.fd = fd;
    this.mostBytes = mostBytes;
    int _ = DescriptorMessage.makeBlocking(syscalls, fd, PATIENCE_MILLIS);
  }

  /**
   * A frame that has come.
   *
   * @param fields closes the descriptors that nobody took
   */
  public record Received(Frame kind, Unpacker fields) implements AutoCloseable {
    @Override
    public void close() {
      fields.close();
    }
  }

  /**
   * Connects to a daemon's socket.
   *
   * @throws IOException if nobody listens there; the message is one line
   */
  public static Wire connect(Path path, int mostBytes) throws IOException {
    Syscalls syscalls = new Syscalls();
    int fd = syscalls.socket(Linux.AF_UNIX, Linux.SOCK_STREAM);
    int result = fd < 0 ? fd : syscalls.connect(fd, new Sockaddr().setUnix(path.toString()));
    if (result < 0) {
      if (fd >= 0) {
        int _ = syscalls.close(fd);
      }
      throw new IOException(
          "can't take over: no daemon hands over at " + path + ": " + Linux.errnoName(-result));
    }
    return new Wire(fd, mostBytes);
  }

  /** Who is at the other end; null if the kernel doesn't say. */
  public @Nullable PeerCredentials peer() {
    return PeerCredentials.of(syscalls, fd);
  }

  /** Sends a frame without fields. */
  public void send(Frame kind) throws IOException {
    send(kind, new Packer());
  }

  /** Sends a frame; its descriptors stay the caller's to close. */
  public void send(Frame kind, Packer fields) throws IOException {
    int[] descriptors = fields.descriptors();
    byte[] body = fields.toBytes();
    Packer header = new Packer();
    header.u16(MAGIC).u8(kind.number()).u8(descriptors.length).i32(body.length);
    byte[] head = header.toBytes();
    buffer.copyFrom(head);
    check(message.send(fd, buffer.address(), head.length, descriptors), head.length);
    for (int at = 0; at < body.length; ) {
      int length = Math.min(body.length - at, buffer.capacity());
      buffer.copyFrom(body, at, length);
      for (int sent = 0; sent < length; ) {
        long more = syscalls.send(fd, buffer.address() + sent, length - sent);
        check(more, 1);
        sent += (int) more;
      }
      at += length;
    }
  }

  private static void check(long result, long least) throws IOException {
    if (result == -Linux.EAGAIN) {
      throw new IOException("the other daemon takes nothing for " + PATIENCE_MILLIS + " ms");
    }
    if (result == -Linux.EPIPE || result == -Linux.ECONNRESET) {
      throw new EOFException("the other daemon has gone");
    }
    if (result < least) {
      throw new IOException("sending fails: " + Linux.errnoName((int) -result));
    }
  }

  /** Waits for the next frame. */
  public Received receive() throws IOException {
    int[] descriptors = new int[0];
    try {
      long deadline = System.nanoTime() + PATIENCE_MILLIS * NANOS_PER_MILLI;
      long count = message.receive(fd, buffer.address(), HEADER_BYTES);
      descriptors = message.descriptors();
      check(count);
      boolean isTruncated = message.isTruncated();
      fill((int) count, HEADER_BYTES, deadline);
      byte[] head = bytes(HEADER_BYTES);
      Unpacker header = new Unpacker(head, new int[0]);
      if (header.u16() != MAGIC) {
        throw new IOException("the other side speaks something else");
      }
      Frame kind = Frame.of(header.u8());
      int expected = header.u8();
      int length = header.i32();
      if (length < 0 || length > mostBytes) {
        throw new IOException("a frame of " + Integer.toUnsignedString(length) + " bytes");
      }
      if (isTruncated || descriptors.length != expected) {
        throw new IOException(
            "%d descriptors came of %d: the limit of open files is too low"
                .formatted(descriptors.length, expected));
      }
      Received frame = new Received(kind, new Unpacker(body(length, deadline), descriptors));
      descriptors = new int[0];
      return frame;
    } catch (Unpacker.MalformedException malformed) {
      throw new IOException(malformed.getMessage(), malformed);
    } finally {
      for (int left : descriptors) {
        int _ = syscalls.close(left);
      }
    }
  }

  private byte[] body(int length, long deadline) throws IOException {
    byte[] body = new byte[length];
    for (int at = 0; at < length; ) {
      int part = Math.min(length - at, buffer.capacity());
      fill(0, part, deadline);
      System.arraycopy(bytes(part), 0, body, at, part);
      at += part;
    }
    return body;
  }

  private void fill(int from, int until, long deadline) throws IOException {
    for (int at = from; at < until; ) {
      long more = syscalls.receive(fd, buffer.address() + at, until - at);
      check(more);
      at += (int) more;
      if (at < until && System.nanoTime() - deadline > 0) {
        throw new IOException("a frame isn't whole after " + PATIENCE_MILLIS + " ms");
      }
    }
  }

  private byte[] bytes(int length) {
    byte[] copy = new byte[length];
    buffer.bytes().get(0, copy);
    return copy;
  }

  private static void check(long received) throws IOException {
    if (received == -Linux.EAGAIN) {
      throw new IOException("the other daemon says nothing for " + PATIENCE_MILLIS + " ms");
    }
    if (received == 0 || received == -Linux.ECONNRESET) {
      throw new EOFException("the other daemon has gone");
    }
    if (received < 0) {
      throw new IOException("receiving fails: " + Linux.errnoName((int) -received));
    }
  }

  /** Waits for a frame of this kind; as the other. */
  public Received expect(Frame kind) throws IOException {
    return expect(kind, kind);
  }

  /**
   * Waits for a frame of one of these kinds.
   *
   * @throws IOException if another comes; the message says why, if the other side does
   */
  public Received expect(Frame kind, Frame or) throws IOException {
    Received frame = receive();
    if (frame.kind == kind || frame.kind == or) {
      return frame;
    }
    try (frame) {
      if (frame.kind == Frame.REFUSED) {
        throw new RefusedException(frame.fields.text());
      }
      throw new IOException("a frame " + frame.kind + " comes where " + kind + " is expected");
    } catch (Unpacker.MalformedException malformed) {
      throw new IOException(malformed.getMessage(), malformed);
    }
  }

  /** Says why it goes no further, if anybody listens. */
  public void refuse(String why) {
    try {
      send(Frame.REFUSED, new Packer().text(why));
    } catch (IOException _) {
      // It has gone, and needs no reason.
    }
  }

  /** The other side goes no further, and says why. */
  public static final class RefusedException extends IOException {
    private static final long serialVersionUID = 1;

    RefusedException(String why) {
      super(why);
    }
  }

  @Override
  public void close() {
    if (!isClosed) {
      isClosed = true;
      int _ = syscalls.close(fd);
    }
  }
}
