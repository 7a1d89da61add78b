package io.sluice.proxy.linux;

/**
 * Linux constants that the system calls take, as in its UAPI headers. They are the same on x86-64
 * and aarch64.
 */
public final class Linux {
  // bits/socket.h
  public static final int AF_UNSPEC = 0;
  public static final int AF_UNIX = 1;
  public static final int AF_INET = 2;
  public static final int AF_INET6 = 10;
  public static final int SOCK_STREAM = 1;
  public static final int SOCK_DGRAM = 2;
  public static final int SOCK_NONBLOCK = 0x800;
  public static final int SOCK_CLOEXEC = 0x80000;
  public static final int MSG_PEEK = 0x2;
  public static final int MSG_CTRUNC = 0x8;
  public static final int MSG_TRUNC = 0x20;
  public static final int MSG_DONTWAIT = 0x40;
  public static final int MSG_NOSIGNAL = 0x4000;
  public static final int MSG_CMSG_CLOEXEC = 0x40000000;
  public static final int MSG_MORE = 0x8000;
  public static final int SHUT_RD = 0;
  public static final int SHUT_WR = 1;
  public static final int SHUT_RDWR = 2;
  public static final int SCM_RIGHTS = 1;

  // asm-generic/socket.h
  public static final int SOL_SOCKET = 1;
  public static final int SO_REUSEADDR = 2;
  public static final int SO_TYPE = 3;
  public static final int SO_ERROR = 4;
  public static final int SO_RCVBUF = 8;
  public static final int SO_KEEPALIVE = 9;
  public static final int SO_LINGER = 13;
  public static final int SO_REUSEPORT = 15;
  public static final int SO_PEERCRED = 17;
  public static final int SO_RCVLOWAT = 18;
  public static final int SO_RCVTIMEO = 20;
  public static final int SO_SNDTIMEO = 21;
  public static final int SO_ACCEPTCONN = 30;
  public static final int SO_ATTACH_REUSEPORT_EBPF = 52;
  public static final int SO_COOKIE = 57;
  public static final int SO_PEERGROUPS = 59;
  public static final int SO_BINDTOIFINDEX = 62;
  public static final int SO_DETACH_REUSEPORT_BPF = 68;

  // netinet/in.h, linux/in.h, linux/in6.h
  public static final int IPPROTO_IP = 0;
  public static final int IPPROTO_TCP = 6;
  public static final int IPPROTO_IPV6 = 41;
  public static final int IP_TTL = 2;
  public static final int IPV6_UNICAST_HOPS = 16;
  public static final int IP_PKTINFO = 8;
  public static final int IP_PKTOPTIONS = 9;
  public static final int IP_RECVERR = 11;
  public static final int IP_FREEBIND = 15;
  public static final int IP_TRANSPARENT = 19;
  public static final int IP_ORIGDSTADDR = 20; // also to ask for it
  public static final int IP_BIND_ADDRESS_NO_PORT = 24;
  public static final int IP_LOCAL_PORT_RANGE = 51;
  public static final int IPV6_2292PKTOPTIONS = 6;
  public static final int IPV6_RECVERR = 25;
  public static final int IPV6_V6ONLY = 26;
  public static final int IPV6_RECVPKTINFO = 49;
  public static final int IPV6_PKTINFO = 50;
  public static final int IPV6_ORIGDSTADDR = 74; // also to ask for it
  public static final int IPV6_TRANSPARENT = 75;
  public static final int IPV6_FREEBIND = 78;

  // linux/netfilter_ipv4.h, linux/netfilter_ipv6/ip6_tables.h: at IPPROTO_IP, IPPROTO_IPV6
  public static final int SO_ORIGINAL_DST = 80;

  // netinet/tcp.h
  public static final int TCP_NODELAY = 1;
  public static final int TCP_KEEPIDLE = 4;
  public static final int TCP_KEEPINTVL = 5;
  public static final int TCP_KEEPCNT = 6;
  public static final int TCP_INFO = 11;

  // fcntl.h, linux/splice.h
  public static final int F_SETFL = 4;
  public static final int F_DUPFD_CLOEXEC = 1030;
  public static final int F_SETPIPE_SZ = 1031;
  public static final int AT_FDCWD = -100;
  public static final int O_RDONLY = 0;
  public static final int O_NONBLOCK = 0x800;
  public static final int O_CLOEXEC = 0x80000;
  public static final int SPLICE_F_MOVE = 1;
  public static final int SPLICE_F_NONBLOCK = 2;

  // asm-generic/mman-common.h, asm-generic/mman.h
  public static final int PROT_READ = 1;
  public static final int PROT_WRITE = 2;
  public static final int MAP_SHARED = 0x1;
  public static final int MAP_PRIVATE = 0x2;
  public static final int MAP_ANONYMOUS = 0x20;

  // linux/bpf.h
  public static final int BPF_MAP_TYPE_HASH = 1;
  public static final int BPF_MAP_TYPE_ARRAY = 2;
  public static final int BPF_MAP_TYPE_PERCPU_ARRAY = 6;
  public static final int BPF_MAP_TYPE_LPM_TRIE = 11;
  public static final int BPF_MAP_TYPE_ARRAY_OF_MAPS = 12;
  public static final int BPF_MAP_TYPE_HASH_OF_MAPS = 13;
  public static final int BPF_MAP_TYPE_SOCKMAP = 15;
  public static final int BPF_MAP_TYPE_SOCKHASH = 18;
  public static final int BPF_MAP_TYPE_REUSEPORT_SOCKARRAY = 20;
  public static final int BPF_F_NO_PREALLOC = 1;
  public static final int BPF_F_MMAPABLE = 0x400;
  public static final int BPF_ANY = 0;
  public static final int BPF_NOEXIST = 1;
  public static final int BPF_EXIST = 2;
  public static final int BPF_PROG_TYPE_SCHED_CLS = 3;
  public static final int BPF_PROG_TYPE_SK_REUSEPORT = 21;
  public static final int BPF_PROG_TYPE_SK_LOOKUP = 30;
  public static final int BPF_SK_LOOKUP = 36;
  public static final int BPF_SK_REUSEPORT_SELECT = 39;
  public static final int BPF_F_REPLACE = 4;
  public static final int BPF_FUNC_MAP_LOOKUP_ELEM = 1;
  public static final int BPF_FUNC_MAP_UPDATE_ELEM = 2;
  public static final int BPF_FUNC_MAP_DELETE_ELEM = 3;
  public static final int BPF_FUNC_SK_SELECT_REUSEPORT = 82;
  public static final int BPF_FUNC_SK_LOOKUP_TCP = 84;
  public static final int BPF_FUNC_SK_RELEASE = 86;
  public static final int BPF_FUNC_SK_ASSIGN = 124;
  public static final int BPF_SK_LOOKUP_F_NO_REUSEPORT = 2;

  // asm-generic/ioctls.h: what a socket has received and nobody read, and what it has sent that is
  // not yet acknowledged, in bytes
  public static final long SIOCINQ = 0x541b;
  public static final long SIOCOUTQ = 0x5411;

  // asm-generic/resource.h
  public static final int RLIMIT_NOFILE = 7;

  // asm-generic/errno-base.h, asm-generic/errno.h
  public static final int EPERM = 1;
  public static final int ENOENT = 2;
  public static final int EINTR = 4;
  public static final int E2BIG = 7;
  public static final int EAGAIN = 11;
  public static final int ENOMEM = 12;
  public static final int EACCES = 13;
  public static final int EBUSY = 16;
  public static final int EEXIST = 17;
  public static final int EINVAL = 22;
  public static final int ENFILE = 23;
  public static final int EMFILE = 24;
  public static final int ENOSPC = 28;
  public static final int EPIPE = 32;
  public static final int ENOSYS = 38;
  public static final int ELOOP = 40;
  public static final int ENONET = 64;
  public static final int EMSGSIZE = 90;
  public static final int ENOPROTOOPT = 92;
  public static final int EOPNOTSUPP = 95;
  public static final int EAFNOSUPPORT = 97;
  public static final int EADDRINUSE = 98;
  public static final int EADDRNOTAVAIL = 99;
  public static final int ENETUNREACH = 101;
  public static final int ECONNABORTED = 103;
  public static final int ECONNRESET = 104;
  public static final int ENOBUFS = 105;
  public static final int ETOOMANYREFS = 109;
  public static final int ETIMEDOUT = 110;
  public static final int ECONNREFUSED = 111;
  public static final int EHOSTDOWN = 112;
  public static final int EHOSTUNREACH = 113;
  public static final int EINPROGRESS = 115;

  private Linux() {}

  /**
   * An errno's name, like {@code EADDRINUSE}.
   *
   * @param errno positive
   */
  public static String errnoName(int errno) {
    return switch (errno) {
      case EPERM -> "EPERM";
      case ENOENT -> "ENOENT";
      case EINTR -> "EINTR";
      case E2BIG -> "E2BIG";
      case EAGAIN -> "EAGAIN";
      case ENOMEM -> "ENOMEM";
      case EACCES -> "EACCES";
      case EBUSY -> "EBUSY";
      case EEXIST -> "EEXIST";
      case EINVAL -> "EINVAL";
      case ENFILE -> "ENFILE";
      case EMFILE -> "EMFILE";
      case ENOSPC -> "ENOSPC";
      case EPIPE -> "EPIPE";
      case ENOSYS -> "ENOSYS";
      case ELOOP -> "ELOOP";
      case EMSGSIZE -> "EMSGSIZE";
      case EOPNOTSUPP -> "EOPNOTSUPP";
      case EAFNOSUPPORT -> "EAFNOSUPPORT";
      case EADDRINUSE -> "EADDRINUSE";
      case ENONET -> "ENONET";
      case ENOPROTOOPT -> "ENOPROTOOPT";
      case EADDRNOTAVAIL -> "EADDRNOTAVAIL";
      case ENETUNREACH -> "ENETUNREACH";
      case ECONNABORTED -> "ECONNABORTED";
      case ECONNRESET -> "ECONNRESET";
      case ENOBUFS -> "ENOBUFS";
      case ETOOMANYREFS -> "ETOOMANYREFS";
      case ETIMEDOUT -> "ETIMEDOUT";
      case ECONNREFUSED -> "ECONNREFUSED";
      case EHOSTDOWN -> "EHOSTDOWN";
      case EHOSTUNREACH -> "EHOSTUNREACH";
      case EINPROGRESS -> "EINPROGRESS";
      default -> "errno " + errno;
    };
  }
}
