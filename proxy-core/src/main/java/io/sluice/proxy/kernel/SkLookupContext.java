package io.sluice.proxy.kernel;

/**
 * Where a program finds what it decides by: {@code struct bpf_sk_lookup} in linux/bpf.h.
 *
 * <pre>
 *   0 sk(8)  8 family  12 protocol  16 remote_ip4(be)  20 remote_ip6(be, 16)  36 remote_port(be, 2)
 *   40 local_ip4(be)  44 local_ip6(be, 16)  60 local_port  64 ingress_ifindex
 * </pre>
 */
final class SkLookupContext {
  /** The socket that is selected, or none: 8 bytes. */
  static final int SK = 0;

  static final int FAMILY = 8;
  static final int PROTOCOL = 12;
  static final int REMOTE_IP4 = 16;
  static final int REMOTE_IP6 = 20;

  /** 2 bytes, network order. */
  static final int REMOTE_PORT = 36;

  static final int LOCAL_IP4 = 40;
  static final int LOCAL_IP6 = 44;

  /** Host order. */
  static final int LOCAL_PORT = 60;

  static final int INGRESS_IFINDEX = 64;

  /** What a test run is given: the whole of it. */
  static final int BYTES = 72;

  private SkLookupContext() {}
}
