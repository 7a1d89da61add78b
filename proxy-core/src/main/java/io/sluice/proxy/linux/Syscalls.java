package io.sluice.proxy.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The system calls of the data path. Each answers what the call answers, or the negative errno: an
 * expected outcome is a value, not an exception.
 *
 * <p>All go by their number through libc's syscall(2). A function of libc for each would need a
 * stub each, which takes milliseconds of a start to make. Such functions are cancellation points of
 * threads, too: that costs two atomic operations for each call, and no Java thread is ever
 * cancelled. To syscall, all arguments are longs: each has a register of its own, of which an int
 * is the low half.
 *
 * <p>An instance belongs to one thread (an event loop): errno is captured into memory of its own.
 * Pointers are passed as addresses of off-heap memory that the caller keeps alive. Tests override
 * calls to have them fail; what each failure leads to is a table in the package's documentation.
 */
public class Syscalls {
  // long syscall(long number, ...)
  private static final MethodHandle SYSCALL =
      Linker.nativeLinker()
          .downcallHandle(
              Linker.nativeLinker().defaultLookup().findOrThrow("syscall"),
              FunctionDescriptor.of(
                  JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                  JAVA_LONG),
              Linker.Option.captureCallState("errno"),
              Linker.Option.firstVariadicArg(1));

  private static final String ARCHITECTURE = String.valueOf(System.getProperty("os.arch"));

  // int socket(int domain, int type, int protocol)
  private static final int SOCKET = number(41, 198);
  // int bind(int fd, const struct sockaddr *addr, socklen_t len)
  private static final int BIND = number(49, 200);
  // int listen(int fd, int backlog)
  private static final int LISTEN = number(50, 201);
  // int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
  private static final int ACCEPT4 = number(288, 242);
  // int connect(int fd, const struct sockaddr *addr, socklen_t len)
  private static final int CONNECT = number(42, 203);
  // int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
  private static final int GETSOCKNAME = number(51, 204);
  // int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
  private static final int SETSOCKOPT = number(54, 208);
  // int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
  private static final int GETSOCKOPT = number(55, 209);
  // ssize_t recvfrom(int fd, void *buffer, size_t length, int flags, NULL, NULL)
  private static final int RECVFROM = number(45, 207);
  // ssize_t sendto(int fd, const void *buffer, size_t length, int flags, NULL, 0)
  private static final int SENDTO = number(44, 206);
  // int recvmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags, struct timespec *timeout)
  private static final int RECVMMSG = number(299, 243);
  // int sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
  private static final int SENDMMSG = number(307, 269);
  // ssize_t splice(int in, off64_t *offIn, int out, off64_t *offOut, size_t length, unsigned flags)
  private static final int SPLICE = number(275, 76);
  // int shutdown(int fd, int how)
  private static final int SHUTDOWN = number(48, 210);
  // int close(int fd)
  private static final int CLOSE = number(3, 57);
  // int pipe2(int fds[2], int flags)
  private static final int PIPE2 = number(293, 59);
  // int fcntl(int fd, unsigned command, unsigned long argument)
  private static final int FCNTL = number(72, 25);
  // int ioctl(int fd, unsigned long request, void *argument)
  private static final int IOCTL = number(16, 29);
  // void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
  private static final int MMAP = number(9, 222);
  // int munmap(void *address, size_t length)
  private static final int MUNMAP = number(11, 215);
  // int openat(int directory, const char *path, int flags, mode_t mode)
  private static final int OPENAT = number(257, 56);
  // int prlimit64(pid_t process, int resource, const struct rlimit *new, struct rlimit *old)
  private static final int PRLIMIT64 = number(302, 261);
  // int setpriority(int which, id_t who, int nice)
  private static final int SETPRIORITY = number(141, 140);
  // ssize_t getrandom(void *buffer, size_t length, unsigned flags)
  private static final int GETRANDOM = number(318, 278);
  // int bpf(int command, union bpf_attr *attributes, unsigned size)
  private static final int BPF = number(321, 280);

  private static final int SCRATCH_BYTES = 128;

  /** How often a call is made again that a signal interrupts before it fails with EINTR. */
  private static final int MOST_INTERRUPTS = 16;

  private final MemorySegment state;
  private final MemorySegment scratch;

  /** Calls for one thread; the memory lives as long as the instance. */
  public Syscalls() {
    Arena arena = Arena.ofAuto();
    this.state = arena.allocate(Linker.Option.captureStateLayout());
    this.scratch = arena.allocate(SCRATCH_BYTES, 8);
  }

  /**
   * A call's number on this architecture; elsewhere one that answers ENOSYS.
   *
   * @param x86 of asm/unistd_64.h
   * @param generic of asm-generic/unistd.h, which the younger architectures go by
   */
  static int number(int x86, int generic) {
    return switch (ARCHITECTURE) {
      case "amd64" -> x86;
      case "aarch64", "riscv64" -> generic;
      default -> -1;
    };
  }

  private long call(int number, long a, long b, long c, long d, long e, long f) {
    try {
      long result = (long) SYSCALL.invokeExact(state, (long) number, a, b, c, d, e, f);
      return result < 0 ? -state.get(JAVA_INT, 0) : result; // on Linux, errno is all of the state
    } catch (Throwable thrown) {
      throw new AssertionError("the method handle of syscall is broken", thrown);
    }
  }

  /** Moves bytes: made again if a signal comes before any byte moved. */
  long move(int number, long a, long b, long c, long d, long e, long f) {
    long result = call(number, a, b, c, d, e, f);
    for (int i = 0; i < MOST_INTERRUPTS && result == -Linux.EINTR; i++) {
      result = call(number, a, b, c, d, e, f);
    }
    return result;
  }

  private int call(int number, int fd, long b, long c, long d, long e) {
    return (int) call(number, fd, b, c, d, e, 0);
  }

  private int call(int number, int fd, long b, long c) {
    return (int) call(number, fd, b, c, 0, 0, 0);
  }

  /** A non-blocking, close-on-exec socket; {@code type} is SOCK_STREAM or SOCK_DGRAM. */
  public int socket(int family, int type) {
    return socket(family, type, 0);
  }

  /** The same of one of a family's protocols, like NETLINK_NETFILTER. */
  public int socket(int family, int type, int protocol) {
    return call(SOCKET, family, type | Linux.SOCK_NONBLOCK | Linux.SOCK_CLOEXEC, protocol);
  }

  public int bind(int fd, Sockaddr address) {
    return call(BIND, fd, address.address(), address.length());
  }

  public int listen(int fd, int backlog) {
    return call(LISTEN, fd, backlog, 0);
  }

  /**
   * Accepts a connection, non-blocking and close-on-exec; the client's address goes to {@code
   * peer}.
   */
  public int accept(int fd, Sockaddr peer) {
    peer.expectAny();
    int flags = Linux.SOCK_NONBLOCK | Linux.SOCK_CLOEXEC;
    return call(ACCEPT4, fd, peer.address(), peer.lengthAddress(), flags, 0);
  }

  public int connect(int fd, Sockaddr address) {
    return call(CONNECT, fd, address.address(), address.length());
  }

  /** The address that the socket is bound to. */
  public int localAddress(int fd, Sockaddr address) {
    address.expectAny();
    return call(GETSOCKNAME, fd, address.address(), address.lengthAddress());
  }

  /**
   * Where a connection that was redirected by nftables had wanted to go: connection tracking
   * remembers. ENOENT if it tracks no such connection.
   */
  public int originalDestination(int fd, boolean ipv4, Sockaddr address) {
    address.expectAny();
    int level = ipv4 ? Linux.IPPROTO_IP : Linux.IPPROTO_IPV6;
    return option(fd, level, Linux.SO_ORIGINAL_DST, address.address(), address.lengthAddress());
  }

  /** Another descriptor of the same open socket, close-on-exec; makes the socket non-blocking. */
  public int duplicateNonBlocking(int fd) {
    int result = call(FCNTL, fd, Linux.F_SETFL, Linux.O_NONBLOCK);
    return result < 0 ? result : call(FCNTL, fd, Linux.F_DUPFD_CLOEXEC, 0);
  }

  public int setOption(int fd, int level, int name, int value) {
    scratch.set(JAVA_INT, 0, value);
    return setScratchOption(fd, level, name, 4);
  }

  /** SO_LINGER with a time of zero: the next close sends RST and discards what is unsent. */
  public int setResetOnClose(int fd) {
    scratch.set(JAVA_INT, 0, 1);
    scratch.set(JAVA_INT, 4, 0);
    return setScratchOption(fd, Linux.SOL_SOCKET, Linux.SO_LINGER, 8);
  }

  /** Has all that a TCP socket sends from now on end at the next router. */
  public void muffle(int fd, boolean ipv4) {
    int _ =
        ipv4
            ? setOption(fd, Linux.IPPROTO_IP, Linux.IP_TTL, 1)
            : setOption(fd, Linux.IPPROTO_IPV6, Linux.IPV6_UNICAST_HOPS, 1);
  }

  private int setScratchOption(int fd, int level, int name, int lengthBytes) {
    return call(SETSOCKOPT, fd, level, name, scratch.address(), lengthBytes);
  }

  private int option(int fd, int level, int name, long value, long lengthAddress) {
    return call(GETSOCKOPT, fd, level, name, value, lengthAddress);
  }

  /** An integer option's value, which must not be negative. */
  public int option(int fd, int level, int name) {
    scratch.set(JAVA_INT, 8, 4);
    int result = option(fd, level, name, scratch.address(), scratch.address() + 8);
    return result < 0 ? result : scratch.get(JAVA_INT, 0);
  }

  /**
   * The interface by which an accepted TCP connection came in: its SYN's (net/ipv4/ip_sockglue.c,
   * IP_PKTOPTIONS; net/ipv6/ipv6_sockglue.c). Two system calls, and the socket then collects packet
   * information: ask only if somebody wants to know.
   *
   * <pre>
   *   cmsghdr  0 length(8)  8 level  12 type   then  in_pktinfo  16 ifindex
   *                                            or    in6_pktinfo 16 address  32 ifindex
   * </pre>
   *
   * @return an interface index, or 0 if the kernel doesn't tell
   */
  public int ingressIfindex(int fd, boolean ipv4) {
    int level = ipv4 ? Linux.IPPROTO_IP : Linux.IPPROTO_IPV6;
    int wanted = ipv4 ? Linux.IP_PKTINFO : Linux.IPV6_RECVPKTINFO;
    if (setOption(fd, level, wanted, 1) < 0) {
      return 0;
    }
    scratch.set(JAVA_INT, 0, SCRATCH_BYTES - 8);
    int name = ipv4 ? Linux.IP_PKTOPTIONS : Linux.IPV6_2292PKTOPTIONS;
    int result = option(fd, level, name, scratch.address() + 8, scratch.address());
    int end = ipv4 ? 20 : 36;
    boolean isTold =
        result == 0
            && scratch.get(JAVA_INT, 0) >= end
            && scratch.get(JAVA_INT, 8 + 12) == (ipv4 ? Linux.IP_PKTINFO : Linux.IPV6_PKTINFO);
    return isTold ? scratch.get(JAVA_INT, 8 + end - 4) : 0;
  }

  /** The socket's 64-bit cookie (SO_COOKIE), or a negative errno. */
  public long cookie(int fd) {
    scratch.set(JAVA_INT, 8, 8);
    int result =
        option(fd, Linux.SOL_SOCKET, Linux.SO_COOKIE, scratch.address(), scratch.address() + 8);
    return result < 0 ? result : scratch.get(JAVA_LONG, 0);
  }

  /**
   * How a TCP connection fares (struct tcp_info of linux/tcp.h).
   *
   * <pre>
   *   68 tcpi_rtt(4), microseconds      100 tcpi_total_retrans(4), segments sent again
   * </pre>
   *
   * @return the smoothed round trip time in the high 32 bits, what was sent again in the low ones;
   *     or a negative errno
   */
  public long tcpInfo(int fd) {
    scratch.set(JAVA_INT, 0, 104);
    int result =
        option(fd, Linux.IPPROTO_TCP, Linux.TCP_INFO, scratch.address() + 8, scratch.address());
    return result < 0
        ? result
        : (long) (scratch.get(JAVA_INT, 8 + 68) & Integer.MAX_VALUE) << 32
            | scratch.get(JAVA_INT, 8 + 100) & 0xffff_ffffL;
  }

  /**
   * An option of any kind, like SO_PEERCRED.
   *
   * @param value gets it
   * @param length how long {@code value} is; then how long the option is
   */
  int option(int fd, int level, int name, MemorySegment value, MemorySegment length) {
    return option(fd, level, name, value.address(), length.address());
  }

  /** Bits that nobody can foresee. Spares a start what Java's own source takes to be set up. */
  public long random() {
    long read;
    do {
      read = call(GETRANDOM, scratch.address(), 8, 0, 0, 0, 0);
    } while (read == -Linux.EINTR);
    if (read != 8) {
      throw new IllegalStateException("getrandom answers " + read);
    }
    return scratch.get(JAVA_LONG, 0);
  }

  /**
   * Has the calling thread give way to others: setpriority(2), which on Linux is about one thread.
   * It can't be taken back without CAP_SYS_NICE.
   *
   * @param nice 0–19; each step is worth a quarter
   */
  public int giveWay(int nice) {
    return call(SETPRIORITY, 0, 0, nice); // PRIO_PROCESS, the caller
  }

  /** Private memory, all zero, as pages of its own; its address, or a negative errno. */
  public long map(long lengthBytes) {
    int protection = Linux.PROT_READ | Linux.PROT_WRITE;
    int flags = Linux.MAP_PRIVATE | Linux.MAP_ANONYMOUS;
    return call(MMAP, 0, lengthBytes, protection, flags, -1, 0);
  }

  /** Maps what a descriptor stands for into memory, to read and write; the address, or negative. */
  long mapShared(int fd, long lengthBytes) {
    int protection = Linux.PROT_READ | Linux.PROT_WRITE;
    return call(MMAP, 0, lengthBytes, protection, Linux.MAP_SHARED, fd, 0);
  }

  /** Gives memory of {@link #map} back. */
  public int unmap(long address, long lengthBytes) {
    return (int) call(MUNMAP, address, lengthBytes, 0, 0, 0, 0);
  }

  /** Opens a file to read or to name it, like {@code /proc/self/ns/net}; close-on-exec. */
  public int open(String path) {
    try (Arena arena = Arena.ofConfined()) {
      long name = arena.allocateFrom(path).address();
      return call(OPENAT, Linux.AT_FDCWD, name, Linux.O_RDONLY | Linux.O_CLOEXEC);
    }
  }

  /** bpf(2). */
  long bpf(int command, MemorySegment attributes) {
    return call(BPF, command, attributes.address(), attributes.byteSize());
  }

  public long receive(int fd, long buffer, long lengthBytes) {
    return move(RECVFROM, fd, buffer, lengthBytes, 0, 0, 0);
  }

  /** Looks at what a socket has received, and leaves it there. */
  public long peek(int fd, long buffer, long lengthBytes) {
    return move(RECVFROM, fd, buffer, lengthBytes, Linux.MSG_PEEK, 0, 0);
  }

  /** Sends without raising SIGPIPE. */
  public long send(int fd, long buffer, long lengthBytes) {
    return send(fd, buffer, lengthBytes, 0);
  }

  /**
   * Sends without raising SIGPIPE.
   *
   * @param flags MSG_MORE if more data or a FIN follows at once: they may share a packet
   */
  public long send(int fd, long buffer, long lengthBytes, int flags) {
    return move(SENDTO, fd, buffer, lengthBytes, flags | Linux.MSG_NOSIGNAL, 0, 0);
  }

  /** Receives up to {@code count} datagrams into an array of mmsghdr. */
  public int receiveMany(int fd, long messages, int count) {
    return (int) move(RECVMMSG, fd, messages, count, Linux.MSG_DONTWAIT, 0, 0);
  }

  /** Sends up to {@code count} datagrams from an array of mmsghdr; the answer is how many went. */
  public int sendMany(int fd, long messages, int count) {
    int flags = Linux.MSG_DONTWAIT | Linux.MSG_NOSIGNAL;
    return (int) move(SENDMMSG, fd, messages, count, flags, 0, 0);
  }

  /** Moves bytes between a socket and a pipe without copying them through user space. */
  public long splice(int from, int to, long lengthBytes) {
    int flags = Linux.SPLICE_F_MOVE | Linux.SPLICE_F_NONBLOCK;
    return move(SPLICE, from, 0, to, 0, lengthBytes, flags);
  }

  public int shutdown(int fd, int how) {
    return call(SHUTDOWN, fd, how, 0);
  }

  public int close(int fd) {
    return call(CLOSE, fd, 0, 0);
  }

  /**
   * A non-blocking pipe.
   *
   * @param capacityBytes asked for; the kernel may give less
   * @return the read end in the low 32 bits and the write end in the high ones, or a negative errno
   */
  public long pipe(int capacityBytes) {
    long result = call(PIPE2, scratch.address(), Linux.O_NONBLOCK | Linux.O_CLOEXEC, 0, 0, 0, 0);
    if (result < 0) {
      return result;
    }
    int readEnd = scratch.get(JAVA_INT, 0);
    int writeEnd = scratch.get(JAVA_INT, 4);
    int _ = call(FCNTL, writeEnd, Linux.F_SETPIPE_SZ, capacityBytes);
    return (long) writeEnd << 32 | readEnd;
  }

  /** How many bytes a TCP socket has received that nobody has read yet. */
  public int unread(int fd) {
    int result = call(IOCTL, fd, Linux.SIOCINQ, scratch.address());
    return result < 0 ? result : scratch.get(JAVA_INT, 0);
  }

  /** How many bytes the socket holds that its peer has not acknowledged. */
  public int unacknowledged(int fd) {
    int result = call(IOCTL, fd, Linux.SIOCOUTQ, scratch.address());
    return result < 0 ? result : scratch.get(JAVA_INT, 0);
  }

  /**
   * Raises the soft limit of open files to the hard one.
   *
   * @return the limit that is now in force
   */
  public long raiseOpenFilesLimit() {
    int result = call(PRLIMIT64, 0, Linux.RLIMIT_NOFILE, 0, scratch.address(), 0);
    if (result < 0) {
      return result;
    }
    long soft = scratch.get(JAVA_LONG, 0);
    long hard = scratch.get(JAVA_LONG, 8);
    scratch.set(JAVA_LONG, 0, hard);
    result = call(PRLIMIT64, 0, Linux.RLIMIT_NOFILE, scratch.address(), 0, 0);
    return result < 0 ? soft : hard;
  }
}
