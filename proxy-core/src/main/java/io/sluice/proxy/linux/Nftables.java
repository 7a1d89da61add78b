package io.sluice.proxy.linux;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Asks the kernel for the generation of this network namespace's nftables rules, which every change
 * of any of them raises: a cheap way to see that somebody has changed something. One message each
 * way over netlink (linux/netfilter/nf_tables.h):
 *
 * <pre>
 *   0        4      6      8         12       16                20      22      24
 *   | length | type | flags| sequence| port   | family, version | length| type  | generation |
 *   |------------------ nlmsghdr -------------|--- nfgenmsg ----|---- the answer's attribute -|
 * </pre>
 *
 * It takes CAP_NET_ADMIN. Called on one thread.
 */
public final class Nftables {
  private static final int AF_NETLINK = 16;
  private static final int NETLINK_NETFILTER = 12;
  private static final short GET_GENERATION = 10 << 8 | 16; // NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN
  private static final short NLM_F_REQUEST = 1;
  private static final short NFTA_GEN_ID = 1;
  private static final int REQUEST_BYTES = 20;
  private static final int ANSWER_BYTES = 28;

  private final Syscalls syscalls;
  private final NativeBuffer buffer = new NativeBuffer(1024);

  public Nftables(Syscalls syscalls) {
    this.syscalls = syscalls;
  }

  /** The generation, 32 bits; negative if it can't be told. */
  public long generation() {
    int fd = syscalls.socket(AF_NETLINK, Linux.SOCK_DGRAM, NETLINK_NETFILTER);
    if (fd < 0) {
      return fd;
    }
    try {
      ByteBuffer request = ByteBuffer.allocate(REQUEST_BYTES).order(ByteOrder.nativeOrder());
      request.putInt(REQUEST_BYTES).putShort(GET_GENERATION).putShort(NLM_F_REQUEST);
      buffer.copyFrom(request.array());
      long sent = syscalls.send(fd, buffer.address(), REQUEST_BYTES);
      long got = sent < 0 ? sent : syscalls.receive(fd, buffer.address(), 1024);
      if (got < ANSWER_BYTES) {
        return got < 0 ? got : -Linux.EINVAL;
      }
      ByteBuffer answer = buffer.bytes().duplicate().order(ByteOrder.nativeOrder());
      return answer.getShort(22) == NFTA_GEN_ID
          ? Integer.toUnsignedLong(answer.order(ByteOrder.BIG_ENDIAN).getInt(24))
          : -Linux.EINVAL; // an error message has no attribute
    } finally {
      int _ = syscalls.close(fd);
    }
  }
}
