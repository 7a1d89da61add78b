package io.sluice.proxy.control;

import io.sluice.proxy.handover.Form;
import io.sluice.proxy.handover.Frame;
import io.sluice.proxy.handover.Unpacker;
import io.sluice.proxy.handover.Wire;
import io.sluice.proxy.linux.DescriptorMessage;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.PeerCredentials;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.CountDownLatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where the daemon that is to take over asks. One at a time is heard, on a thread of its own, and
 * only one of the same user, or root; what it asks for is done on the control thread.
 */
final class TakeoverSocket implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(TakeoverSocket.class);
  private static final int BACKLOG = 4;
  private static final int MOST_BYTES = 64 << 10; // of a frame of the new daemon's

  private final Path path;
  private final Wishes wishes;
  private final Syscalls syscalls = new Syscalls();
  private final int fd;
  private final int user;
  private volatile boolean isClosed;

  /** Who asks; the control thread answers, and then lets it go. */
  static final class Asked implements AutoCloseable {
    private final Wire wire;
    private final int pid;
    private final CountDownLatch done = new CountDownLatch(1);

    private Asked(Wire wire, int pid) {
      this.wire = wire;
      this.pid = pid;
    }

    Wire wire() {
      return wire;
    }

    /** Its process; 0 if it can't be seen from here. */
    int pid() {
      return pid;
    }

    @Override
    public void close() {
      wire.close();
      done.countDown();
    }
  }

  /** Beside the admin socket, and named after it. */
  static Path beside(Path adminSocket) {
    return adminSocket.resolveSibling(adminSocket.getFileName() + ".takeover");
  }

  /**
   * Listens, in the place of the daemon that was there before, if there was one.
   *
   * @throws IOException if it can't; the message is one line
   */
  TakeoverSocket(Path path, Wishes wishes) throws IOException {
    this.path = path;
    this.wishes = wishes;
    Path fresh = path.resolveSibling(path.getFileName() + ".new");
    this.fd = listen(fresh);
    try {
      Files.setPosixFilePermissions(fresh, PosixFilePermissions.fromString("rw-------"));
      this.user = (int) Files.getAttribute(fresh, "unix:uid");
      Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException failure) {
      int _ = syscalls.close(fd);
      throw failure;
    }
    Thread _ = Thread.ofPlatform().daemon().name("sluice-takeover").start(this::run);
  }

  private int listen(Path at) throws IOException {
    Files.deleteIfExists(at);
    int made = syscalls.socket(Linux.AF_UNIX, Linux.SOCK_STREAM);
    int result = made;
    if (made >= 0) {
      result = syscalls.bind(made, new Sockaddr().setUnix(at.toString()));
      result = result < 0 ? result : syscalls.listen(made, BACKLOG);
      result = result < 0 ? result : DescriptorMessage.makeBlocking(syscalls, made, 0);
    }
    if (result < 0) {
      if (made >= 0) {
        int _ = syscalls.close(made);
      }
      throw new IOException(
          "no takeover socket: can't listen at " + at + ": " + Linux.errnoName(-result));
    }
    return made;
  }

  private void run() {
    Sockaddr peer = new Sockaddr();
    while (!isClosed) {
      int connection = syscalls.accept(fd, peer);
      if (connection < 0) {
        if (!isClosed) {
          log.warn("nobody can take over any more errno={}", Linux.errnoName(-connection));
        }
        return;
      }
      try (Wire wire = new Wire(connection, MOST_BYTES)) {
        hear(wire);
      } catch (IOException | RuntimeException failure) {
        log.warn("not handed over why=\"{}\"", failure.getMessage());
      } catch (InterruptedException _) {
        return;
      }
    }
  }

  private void hear(Wire wire) throws IOException, InterruptedException {
    PeerCredentials who = wire.peer();
    if (who == null || (who.uid() != 0 && who.uid() != user)) {
      throw new IOException("user " + (who == null ? "?" : who.uid()) + " may not take over");
    }
    try (Wire.Received hello = wire.expect(Frame.HELLO)) {
      Unpacker fields = hello.fields();
      int least = fields.u16();
      int most = fields.u16();
      if (Form.NUMBER < least || Form.NUMBER > most) {
        String why =
            "this daemon hands over in form %d; the new one takes %d to %d"
                .formatted(Form.NUMBER, least, most);
        wire.refuse(why);
        throw new IOException(why);
      }
    }
    Asked asked = new Asked(wire, who.pid());
    wishes.handoverAsked(asked);
    asked.done.await();
  }

  /** Whoever listens here next has its own file here by now. */
  void leaveFile() {
    stop();
  }

  private void stop() {
    if (!isClosed) {
      isClosed = true;
      int _ = syscalls.shutdown(fd, Linux.SHUT_RDWR); // which ends the accept
      int _ = syscalls.close(fd);
    }
  }

  @Override
  public void close() {
    if (!isClosed) {
      stop();
      try {
        Files.deleteIfExists(path);
      } catch (IOException _) {
        // It stands for nobody; the next one replaces it.
      }
    }
  }
}
