package io.sluice.proxy.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Bytes on a Unix socket with descriptors beside them (unix(7), SCM_RIGHTS). The receiver gets
 * descriptors of its own, for the same open sockets and pipes.
 *
 * <pre>
 *   msghdr   0 name*  8 namelen(4)  16 iovec*  24 count(8)  32 control*  40 controllen(8)  48 flags(4)
 *   iovec    0 base*  8 length(8)
 *   cmsghdr  0 length(8)  8 level(4)  12 type(4)  16 descriptors(4 each)
 * </pre>
 *
 * <p>Belongs to one thread.
 */
public final class DescriptorMessage {
  /** How many descriptors the kernel takes with one message (net/scm.h, SCM_MAX_FD). */
  public static final int MOST = 253;

  // ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
  private static final int SENDMSG = Syscalls.number(46, 211);
  // ssize_t recvmsg(int fd, struct msghdr *message, int flags)
  private static final int RECVMSG = Syscalls.number(47, 212);
  // int fcntl(int fd, unsigned command, unsigned long argument)
  private static final int FCNTL = Syscalls.number(72, 25);
  // int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
  private static final int SETSOCKOPT = Syscalls.number(54, 208);

  private static final int HEADER_BYTES = 16;

  private final Syscalls syscalls;
  private final MemorySegment message;
  private final MemorySegment control;
  private int[] received = {};
  private boolean isTruncated;

  public DescriptorMessage(Syscalls syscalls) {
    this.syscalls = syscalls;
    Arena arena = Arena.ofAuto();
    this.message = arena.allocate(56 + 16, 8);
    this.control = arena.allocate(HEADER_BYTES + 4L * (MOST + 1), 8);
    message.set(JAVA_LONG, 16, message.address() + 56);
    message.set(JAVA_LONG, 24, 1);
  }

  /**
   * Has calls for a descriptor wait: for a thread of its own, never on a loop.
   *
   * @param timeoutMillis after so long sends and receives fail with EAGAIN; 0: never
   */
  public static int makeBlocking(Syscalls syscalls, int fd, long timeoutMillis) {
    long result = syscalls.move(FCNTL, fd, Linux.F_SETFL, 0, 0, 0, 0);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment timeval = arena.allocate(16, 8);
      timeval.set(JAVA_LONG, 0, timeoutMillis / 1_000);
      timeval.set(JAVA_LONG, 8, timeoutMillis % 1_000 * 1_000);
      for (int name : new int[] {Linux.SO_RCVTIMEO, Linux.SO_SNDTIMEO}) {
        long set = syscalls.move(SETSOCKOPT, fd, Linux.SOL_SOCKET, name, timeval.address(), 16, 0);
        result = Math.min(result, set);
      }
    }
    return (int) Math.min(0, result);
  }

  private void iovec(long address, long lengthBytes) {
    message.set(JAVA_LONG, 56, address);
    message.set(JAVA_LONG, 64, lengthBytes);
  }

  /**
   * Sends bytes, at least one, and descriptors with the first of them.
   *
   * @param descriptors at most {@link #MOST}
   * @return how many bytes went; or a negative errno, and then no descriptor has gone either
   */
  public long send(int fd, long address, long lengthBytes, int[] descriptors) {
    iovec(address, lengthBytes);
    if (descriptors.length == 0) {
      message.set(JAVA_LONG, 32, 0);
      message.set(JAVA_LONG, 40, 0);
    } else {
      control.set(JAVA_LONG, 0, HEADER_BYTES + 4L * descriptors.length);
      control.set(JAVA_INT, 8, Linux.SOL_SOCKET);
      control.set(JAVA_INT, 12, Linux.SCM_RIGHTS);
      for (int i = 0; i < descriptors.length; i++) {
        control.set(JAVA_INT, HEADER_BYTES + 4L * i, descriptors[i]);
      }
      message.set(JAVA_LONG, 32, control.address());
      message.set(JAVA_LONG, 40, HEADER_BYTES + (4L * descriptors.length + 7 & ~7L));
    }
    return syscalls.move(SENDMSG, fd, message.address(), Linux.MSG_NOSIGNAL, 0, 0, 0);
  }

  /**
   * Receives bytes, and the descriptors that came with the first of them: {@link #descriptors}.
   *
   * @return how many bytes; 0 at the end; or a negative errno
   */
  public long receive(int fd, long address, long lengthBytes) {
    iovec(address, lengthBytes);
    message.set(JAVA_LONG, 32, control.address());
    message.set(JAVA_LONG, 40, control.byteSize());
    message.set(JAVA_INT, 48, 0);
    received = new int[0];
    long count = syscalls.move(RECVMSG, fd, message.address(), Linux.MSG_CMSG_CLOEXEC, 0, 0, 0);
    if (count < 0) {
      return count;
    }
    isTruncated = (message.get(JAVA_INT, 48) & Linux.MSG_CTRUNC) != 0;
    long controlBytes = message.get(JAVA_LONG, 40);
    if (controlBytes >= HEADER_BYTES && control.get(JAVA_INT, 12) == Linux.SCM_RIGHTS) {
      received = new int[(int) (control.get(JAVA_LONG, 0) - HEADER_BYTES) / 4];
      for (int i = 0; i < received.length; i++) {
        received[i] = control.get(JAVA_INT, HEADER_BYTES + 4L * i);
      }
    }
    return count;
  }

  /** The descriptors that the last {@link #receive} brought; the caller's to close. */
  public int[] descriptors() {
    return received.clone();
  }

  /** Whether some were lost, because this process may not have so many. */
  public boolean isTruncated() {
    return isTruncated;
  }
}
