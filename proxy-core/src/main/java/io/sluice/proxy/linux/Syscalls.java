package io.sluice.proxy.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The system calls of the data path, through libc. Each answers what the call answers, or the
 * negative errno: an expected outcome is a value, not an exception.
 *
 * <p>An instance belongs to one thread (an event loop): errno is captured into memory of its own.
 * Pointers are passed as addresses of off-heap memory that the caller keeps alive.
 */
public final class Syscalls {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final Linker.Option ERRNO = Linker.Option.captureCallState("errno");
  private static final VarHandle ERRNO_VALUE =
      Linker.Option.captureStateLayout().varHandle(PathElement.groupElement("errno"));

  // int socket(int domain, int type, int protocol)
  private static final MethodHandle SOCKET = call("socket", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
  // int bind(int fd, const struct sockaddr *addr, socklen_t len)
  private static final MethodHandle BIND = call("bind", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT);
  // int listen(int fd, int backlog)
  private static final MethodHandle LISTEN = call("listen", JAVA_INT, JAVA_INT, JAVA_INT);
  // int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
  private static final MethodHandle ACCEPT4 =
      call("accept4", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
  // int connect(int fd, const struct sockaddr *addr, socklen_t len)
  private static final MethodHandle CONNECT =
      call("connect", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT);
  // int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
  private static final MethodHandle GETSOCKNAME =
      call("getsockname", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
  // int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
  private static final MethodHandle SETSOCKOPT =
      call("setsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT);
  // int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
  private static final MethodHandle GETSOCKOPT =
      call("getsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG);
  // ssize_t recv(int fd, void *buffer, size_t length, int flags)
  private static final MethodHandle RECV =
      call("recv", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
  // ssize_t send(int fd, const void *buffer, size_t length, int flags)
  private static final MethodHandle SEND =
      call("send", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
  // int recvmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags, struct timespec *timeout)
  private static final MethodHandle RECVMMSG =
      call("recvmmsg", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG);
  // int sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
  private static final MethodHandle SENDMMSG =
      call("sendmmsg", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT);
  // ssize_t splice(int in, off64_t *offIn, int out, off64_t *offOut, size_t length, unsigned flags)
  private static final MethodHandle SPLICE =
      call("splice", JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT);
  // int shutdown(int fd, int how)
  private static final MethodHandle SHUTDOWN = call("shutdown", JAVA_INT, JAVA_INT, JAVA_INT);
  // int close(int fd)
  private static final MethodHandle CLOSE = call("close", JAVA_INT, JAVA_INT);
  // int pipe2(int fds[2], int flags)
  private static final MethodHandle PIPE2 = call("pipe2", JAVA_INT, JAVA_LONG, JAVA_INT);
  // int fcntl(int fd, int command, ... int argument)
  private static final MethodHandle FCNTL = variadic("fcntl", JAVA_INT, JAVA_INT, JAVA_INT);
  // int ioctl(int fd, unsigned long request, ... void *argument)
  private static final MethodHandle IOCTL = variadic("ioctl", JAVA_INT, JAVA_LONG, JAVA_LONG);
  // int open(const char *path, int flags, ... mode_t mode)
  private static final MethodHandle OPEN =
      handle(
          "open",
          FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT),
          ERRNO,
          Linker.Option.firstVariadicArg(2));
  // long syscall(long number, ... int command, union bpf_attr *attributes, unsigned size)
  private static final MethodHandle BPF =
      handle(
          "syscall",
          FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT),
          ERRNO,
          Linker.Option.firstVariadicArg(1));
  // int getrlimit(int resource, struct rlimit *limit); setrlimit alike
  private static final MethodHandle GETRLIMIT = call("getrlimit", JAVA_INT, JAVA_INT, JAVA_LONG);
  private static final MethodHandle SETRLIMIT = call("setrlimit", JAVA_INT, JAVA_INT, JAVA_LONG);

  private static final int SCRATCH_BYTES = 64;

  private final MemorySegment state;
  private final MemorySegment scratch;

  /** Calls for one thread; the memory lives as long as the instance. */
  public Syscalls() {
    Arena arena = Arena.ofAuto();
    this.state = arena.allocate(Linker.Option.captureStateLayout());
    this.scratch = arena.allocate(SCRATCH_BYTES, 8);
  }

  private static MethodHandle call(String name, MemoryLayout result, MemoryLayout... arguments) {
    return handle(name, FunctionDescriptor.of(result, arguments), ERRNO);
  }

  /** A call whose arguments from the third on are variadic, which some ABIs pass differently. */
  private static MethodHandle variadic(String name, MemoryLayout... arguments) {
    return handle(
        name, FunctionDescriptor.of(JAVA_INT, arguments), ERRNO, Linker.Option.firstVariadicArg(2));
  }

  private static MethodHandle handle(
      String name, FunctionDescriptor descriptor, Linker.Option... options) {
    MemorySegment symbol =
        LINKER
            .defaultLookup()
            .find(name)
            .orElseThrow(() -> new UnsatisfiedLinkError("libc has no " + name));
    return LINKER.downcallHandle(symbol, descriptor, options);
  }

  private int errno() {
    return -(int) ERRNO_VALUE.get(state, 0L);
  }

  private int check(int result) {
    return result < 0 ? errno() : result;
  }

  private long check(long result) {
    return result < 0 ? errno() : result;
  }

  /** A non-blocking, close-on-exec socket; {@code type} is SOCK_STREAM or SOCK_DGRAM. */
  public int socket(int family, int type) {
    try {
      return check(
          (int)
              SOCKET.invokeExact(
                  state, family, type | Linux.SOCK_NONBLOCK | Linux.SOCK_CLOEXEC, 0));
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  public int bind(int fd, Sockaddr address) {
    try {
      return check((int) BIND.invokeExact(state, fd, address.address(), address.length()));
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  public int listen(int fd, int backlog) {
    try {
      return check((int) LISTEN.invokeExact(state, fd, backlog));
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  /**
   * Accepts a connection, non-blocking and close-on-exec; the client's address goes to {@code
   * peer}.
   */
  public int accept(int fd, Sockaddr peer) {
    try {
      peer.expectAny();
      return check(
          (int)
              ACCEPT4.invokeExact(
                  state,
                  fd,
                  peer.address(),
                  peer.lengthAddress(),
                  Linux.SOCK_NONBLOCK | Linux.SOCK_CLOEXEC));
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  public int connect(int fd, Sockaddr address) {
    try {
      return check((int) CONNECT.invokeExact(state, fd, address.address(), address.length()));
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  /** The address that the socket is bound to. */
  public int localAddress(int fd, Sockaddr address) {
    try {
      address.expectAny();
      return check(
          (int) GETSOCKNAME.invokeExact(state, fd, address.address(), address.lengthAddress()));
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  /**
   * Where a connection that was redirected by nftables had wanted to go: connection tracking
   * remembers. ENOENT if it tracks no such connection.
   */
  public int originalDestination(int fd, boolean ipv4, Sockaddr address) {
    try {
      address.expectAny();
      int result =
          (int)
              GETSOCKOPT.invokeExact(
                  state,
                  fd,
                  ipv4 ? Linux.IPPROTO_IP : Linux.IPPROTO_IPV6,
                  Linux.SO_ORIGINAL_DST,
                  address.address(),
                  address.lengthAddress());
      return check(result);
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  /** Another descriptor of the same open socket, close-on-exec; makes the socket non-blocking. */
  public int duplicateNonBlocking(int fd) {
    try {
      int result = check((int) FCNTL.invokeExact(state, fd, Linux.F_SETFL, Linux.O_NONBLOCK));
      return result < 0
          ? result
          : check((int) FCNTL.invokeExact(state, fd, Linux.F_DUPFD_CLOEXEC, 0));
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
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

  private int setScratchOption(int fd, int level, int name, int lengthBytes) {
    try {
      return check(
          (int) SETSOCKOPT.invokeExact(state, fd, level, name, scratch.address(), lengthBytes));
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  /** An integer option's value, which must not be negative. */
  public int option(int fd, int level, int name) {
    try {
      scratch.set(JAVA_INT, 8, 4);
      int result =
          (int)
              GETSOCKOPT.invokeExact(
                  state, fd, level, name, scratch.address(), scratch.address() + 8);
      return result < 0 ? errno() : scratch.get(JAVA_INT, 0);
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
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
    try {
      scratch.set(JAVA_INT, 0, SCRATCH_BYTES - 8);
      int result =
          (int)
              GETSOCKOPT.invokeExact(
                  state,
                  fd,
                  level,
                  ipv4 ? Linux.IP_PKTOPTIONS : Linux.IPV6_2292PKTOPTIONS,
                  scratch.address() + 8,
                  scratch.address());
      int end = ipv4 ? 20 : 36;
      boolean isTold =
          result == 0
              && scratch.get(JAVA_INT, 0) >= end
              && scratch.get(JAVA_INT, 8 + 12) == (ipv4 ? Linux.IP_PKTINFO : Linux.IPV6_PKTINFO);
      return isTold ? scratch.get(JAVA_INT, 8 + end - 4) : 0;
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  /** The socket's 64-bit cookie (SO_COOKIE), or a negative errno. */
  public long cookie(int fd) {
    try {
      scratch.set(JAVA_INT, 8, 8);
      int result =
          (int)
              GETSOCKOPT.invokeExact(
                  state,
                  fd,
                  Linux.SOL_SOCKET,
                  Linux.SO_COOKIE,
                  scratch.address(),
                  scratch.address() + 8);
      return result < 0 ? errno() : scratch.get(JAVA_LONG, 0);
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  /** Opens a file to read or to name it, like {@code /proc/self/ns/net}; close-on-exec. */
  public int open(String path) {
    try (Arena arena = Arena.ofConfined()) {
      return check(
          (int)
              OPEN.invokeExact(
                  state, arena.allocateFrom(path).address(), Linux.O_RDONLY | Linux.O_CLOEXEC));
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  /** bpf(2), by its number: libc has no function for it. */
  long bpf(int command, MemorySegment attributes) {
    try {
      return check(
          (long)
              BPF.invokeExact(
                  state,
                  (long) Linux.NR_BPF,
                  command,
                  attributes.address(),
                  (int) attributes.byteSize()));
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  public long receive(int fd, long buffer, long lengthBytes) {
    try {
      return check((long) RECV.invokeExact(state, fd, buffer, lengthBytes, 0));
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  /** Looks at what a socket has received, and leaves it there. */
  public long peek(int fd, long buffer, long lengthBytes) {
    try {
      return check((long) RECV.invokeExact(state, fd, buffer, lengthBytes, Linux.MSG_PEEK));
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  /** Sends without raising SIGPIPE. */
  public long send(int fd, long buffer, long lengthBytes) {
    return send(fd, buffer, lengthBytes, 0);
  }

  /**
   * Sends without raising SIGPIPE.
   *
   * @param flags MSG_MORE if more follows at once, be it a FIN: they may share a packet
   */
  public long send(int fd, long buffer, long lengthBytes, int flags) {
    try {
      return check(
          (long) SEND.invokeExact(state, fd, buffer, lengthBytes, flags | Linux.MSG_NOSIGNAL));
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  /** Receives up to {@code count} datagrams into an array of mmsghdr. */
  public int receiveMany(int fd, long messages, int count) {
    try {
      return check((int) RECVMMSG.invokeExact(state, fd, messages, count, Linux.MSG_DONTWAIT, 0L));
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  /** Sends up to {@code count} datagrams from an array of mmsghdr; the answer is how many went. */
  public int sendMany(int fd, long messages, int count) {
    try {
      return check(
          (int)
              SENDMMSG.invokeExact(
                  state, fd, messages, count, Linux.MSG_DONTWAIT | Linux.MSG_NOSIGNAL));
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  /** Moves bytes between a socket and a pipe without copying them through user space. */
  public long splice(int from, int to, long lengthBytes) {
    try {
      return check(
          (long)
              SPLICE.invokeExact(
                  state,
                  from,
                  0L,
                  to,
                  0L,
                  lengthBytes,
                  Linux.SPLICE_F_MOVE | Linux.SPLICE_F_NONBLOCK));
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  public int shutdown(int fd, int how) {
    try {
      return check((int) SHUTDOWN.invokeExact(state, fd, how));
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  public int close(int fd) {
    try {
      return check((int) CLOSE.invokeExact(state, fd));
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  /**
   * A non-blocking pipe.
   *
   * @param capacityBytes asked for; the kernel may give less
   * @return the read end in the low 32 bits and the write end in the high ones, or a negative errno
   */
  public long pipe(int capacityBytes) {
    try {
      int result =
          (int) PIPE2.invokeExact(state, scratch.address(), Linux.O_NONBLOCK | Linux.O_CLOEXEC);
      if (result < 0) {
        return errno();
      }
      int readEnd = scratch.get(JAVA_INT, 0);
      int writeEnd = scratch.get(JAVA_INT, 4);
      int _ = (int) FCNTL.invokeExact(state, writeEnd, Linux.F_SETPIPE_SZ, capacityBytes);
      return (long) writeEnd << 32 | readEnd;
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  /** How many bytes a TCP socket has received that nobody has read yet. */
  public int unread(int fd) {
    try {
      int result = (int) IOCTL.invokeExact(state, fd, Linux.SIOCINQ, scratch.address());
      return result < 0 ? errno() : scratch.get(JAVA_INT, 0);
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  /** How many bytes the socket holds that its peer has not acknowledged. */
  public int unacknowledged(int fd) {
    try {
      int result = (int) IOCTL.invokeExact(state, fd, Linux.SIOCOUTQ, scratch.address());
      return result < 0 ? errno() : scratch.get(JAVA_INT, 0);
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  /**
   * Raises the soft limit of open files to the hard one.
   *
   * @return the limit that is now in force
   */
  public long raiseOpenFilesLimit() {
    try {
      int result = (int) GETRLIMIT.invokeExact(state, Linux.RLIMIT_NOFILE, scratch.address());
      if (result < 0) {
        return errno();
      }
      long hard = scratch.get(JAVA_LONG, 8);
      long soft = scratch.get(JAVA_LONG, 0);
      scratch.set(JAVA_LONG, 0, hard);
      result = (int) SETRLIMIT.invokeExact(state, Linux.RLIMIT_NOFILE, scratch.address());
      return result < 0 ? soft : hard;
    } catch (Throwable thrown) {
      throw broken(thrown);
    }
  }

  private static AssertionError broken(Throwable thrown) {
    return new AssertionError("a system call's method handle is broken", thrown);
  }
}
