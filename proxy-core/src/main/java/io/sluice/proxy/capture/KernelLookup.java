package io.sluice.proxy.capture;

import io.sluice.proxy.linux.Bpf;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The {@link LookupProgram} in this process's network namespace, and its maps. Nothing of it has a
 * name in a file system: it lives as long as the descriptors, and so no longer than the process.
 *
 * <p>Ranges are never changed where the program reads them. New ones get maps and a program of
 * their own, which takes the old one's place in the link by one call: at each moment the kernel has
 * all of the old configuration or all of the new one. Called on one thread.
 */
final class KernelLookup {
  private static final String NAMESPACE = "/proc/self/ns/net";
  private static final int NONE = -1;

  private final Syscalls syscalls;
  private final Bpf bpf;
  private int sockets = NONE;
  private int link = NONE;

  KernelLookup(Syscalls syscalls) {
    this.syscalls = syscalls;
    this.bpf = new Bpf(syscalls);
  }

  /** Whether this process may use it: 0, or the negative errno of trying. */
  int probe() {
    int map = bpf.createMap(Bpf.MapSpec.of(Linux.BPF_MAP_TYPE_SOCKMAP, 4, 8, 1, "sluice_probe"));
    if (map < 0) {
      return map;
    }
    int _ = syscalls.close(map);
    Bpf.LoadedProgram program =
        bpf.load(
            Linux.BPF_PROG_TYPE_SK_LOOKUP,
            Linux.BPF_SK_LOOKUP,
            LookupProgram.passes(),
            "sluice_probe");
    if (program.isLoaded()) {
      int _ = syscalls.close(program.fd());
    }
    return Math.min(0, program.fd());
  }

  /**
   * Has the program assign to this socket, and so to its reuseport group, until it is closed. A
   * packet of a family that the socket doesn't take is passed.
   *
   * @return null, or what went wrong
   */
  @Nullable String assignTo(Protocol protocol, int fd) {
    if (sockets == NONE) {
      int made =
          bpf.createMap(
              Bpf.MapSpec.of(
                  Linux.BPF_MAP_TYPE_SOCKMAP, 4, 8, LookupProgram.SLOTS, "sluice_sockets"));
      if (made < 0) {
        return said("can't make a socket map", made);
      }
      sockets = made;
    }
    int slot = LookupProgram.slot(protocol == Protocol.UDP);
    int result =
        bpf.update(
            sockets, little(4).putInt(slot).array(), little(8).putLong(fd).array(), Linux.BPF_ANY);
    return result < 0 ? said("can't put a socket into its map", result) : null;
  }

  /**
   * Captures these ranges from now on, and no others.
   *
   * @return null, or what went wrong: then all is as it was
   */
  @Nullable String capture(CapturedRanges ranges) {
    Loading loading = load(ranges);
    if (loading.program < 0) {
      return loading.wrong;
    }
    try {
      return attach(loading.program);
    } finally {
      int _ = syscalls.close(loading.program); // the link holds it
    }
  }

  /**
   * A program over maps of its own.
   *
   * @param program its descriptor; negative if it couldn't be loaded: then {@code wrong} says why
   */
  record Loading(int program, String wrong) {}

  Loading load(CapturedRanges ranges) {
    int[] maps = {NONE, NONE, NONE};
    try {
      String wrong = makeMaps(ranges, maps);
      if (wrong != null) {
        return new Loading(NONE, wrong);
      }
      Bpf.LoadedProgram program =
          bpf.load(
              Linux.BPF_PROG_TYPE_SK_LOOKUP,
              Linux.BPF_SK_LOOKUP,
              LookupProgram.code(maps[0], maps[1], maps[2], sockets),
              "sluice_capture");
      return program.isLoaded()
          ? new Loading(program.fd(), "")
          : new Loading(NONE, said("can't load the program", program.fd()) + "\n" + program.log());
    } finally {
      for (int map : maps) {
        if (map >= 0) {
          int _ = syscalls.close(map); // the program holds it
        }
      }
    }
  }

  private @Nullable String makeMaps(CapturedRanges ranges, int[] maps) {
    List<CapturedRanges.Entry> entries = ranges.entries();
    List<PortSet> portSets = ranges.portSets();
    int ipv6 = (int) entries.stream().filter(it -> it.prefix().family() == Family.IPV6).count();
    maps[0] = trie(LookupProgram.KEY_BYTES_IPV4, entries.size() - ipv6, "sluice_ipv4");
    maps[1] = trie(LookupProgram.KEY_BYTES_IPV6, ipv6, "sluice_ipv6");
    maps[2] =
        bpf.createMap(
            Bpf.MapSpec.of(
                Linux.BPF_MAP_TYPE_ARRAY,
                4,
                PortSet.BITMAP_BYTES,
                Math.max(1, portSets.size()),
                "sluice_ports"));
    for (int map : maps) {
      if (map < 0) {
        return said("can't make a map", map);
      }
    }
    for (int i = 0; i < portSets.size(); i++) {
      byte[] key = little(4).putInt(i).array();
      int result = bpf.update(maps[2], key, portSets.get(i).toBitmap(), Linux.BPF_ANY);
      if (result < 0) {
        return said("can't fill a map", result);
      }
    }
    for (CapturedRanges.Entry entry : entries) {
      int trie = maps[entry.prefix().family() == Family.IPV6 ? 1 : 0];
      byte[] portSet = little(4).putInt(entry.portSet()).array();
      int result = bpf.update(trie, key(entry), portSet, Linux.BPF_ANY);
      if (result < 0) {
        return said("can't fill a map", result);
      }
    }
    return null;
  }

  private int trie(int keyBytes, int entries, String name) {
    return bpf.createMap(
        new Bpf.MapSpec(
            Linux.BPF_MAP_TYPE_LPM_TRIE,
            keyBytes,
            4,
            Math.max(1, entries),
            Linux.BPF_F_NO_PREALLOC,
            0,
            name));
  }

  /** Prefix length and protocol in host order, the address in network order. */
  private static byte[] key(CapturedRanges.Entry entry) {
    IpPrefix prefix = entry.prefix();
    byte[] address = prefix.address().toBytes();
    return little(8 + address.length)
        .putInt(LookupProgram.PROTOCOL_BITS + prefix.length())
        .putInt(entry.protocol().number())
        .put(address)
        .array();
  }

  /** The kernel's integers are as the machine has them; both that we run on are little-endian. */
  private static ByteBuffer little(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private @Nullable String attach(int program) {
    if (link != NONE) {
      int result = bpf.updateLink(link, program);
      return result < 0 ? said("can't replace the program", result) : null;
    }
    int namespace = syscalls.open(NAMESPACE);
    if (namespace < 0) {
      return said("can't open " + NAMESPACE, namespace);
    }
    int made = bpf.createLink(program, namespace, Linux.BPF_SK_LOOKUP);
    int _ = syscalls.close(namespace);
    if (made == -Linux.E2BIG) {
      return "sk_lookup: a network namespace takes 64 programs, and has them; see bpftool link";
    }
    if (made < 0) {
      return said("can't attach the program", made);
    }
    link = made;
    return null;
  }

  private static String said(String what, int result) {
    String why =
        switch (-result) {
          case Linux.EPERM ->
              "; it takes CAP_BPF and CAP_NET_ADMIN, and bpf in systemd's SystemCallFilter=";
          case Linux.EINVAL, Linux.ENOSYS ->
              "; it takes Linux 5.9 or later, with CONFIG_BPF_SYSCALL";
          default -> "";
        };
    return "sk_lookup: " + what + ": " + Linux.errnoName(-result) + why;
  }

  /** Captures nothing more. */
  void close() {
    if (link != NONE) {
      int _ = syscalls.close(link);
      link = NONE;
    }
    if (sockets != NONE) {
      int _ = syscalls.close(sockets);
      sockets = NONE;
    }
  }
}
