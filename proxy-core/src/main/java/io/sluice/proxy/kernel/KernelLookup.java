package io.sluice.proxy.kernel;

import io.sluice.proxy.arrival.CapturedRanges;
import io.sluice.proxy.arrival.PortSet;
import io.sluice.proxy.linux.Bpf;
import io.sluice.proxy.linux.BpfAssembler;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The {@link LookupProgram} in this process's network namespace, and its maps. Nothing of it has a
 * name in a file system: it lives as long as the descriptors, and so no longer than the process.
 *
 * <p>Ranges are never changed where the program reads them. New ones get maps and a program of
 * their own, which takes the old one's place in the link by one call: at each moment the kernel has
 * all of the old configuration or all of the new one. That call can't fail, as the link is there
 * before: a first one begins with a program that passes everything. Called on one thread.
 */
public final class KernelLookup {
  private static final Logger log = LoggerFactory.getLogger(KernelLookup.class);
  private static final String NAMESPACE = "/proc/self/ns/net";
  private static final int NONE = -1;

  private final Syscalls syscalls;
  private final Bpf bpf;
  private int link = NONE;
  private int program = NONE;
  private Basis basis = Basis.NONE;

  /** What a program was made of. */
  record Basis(CapturedRanges ranges, Map<Protocol, Integer> fds, @Nullable Policy policy) {
    static final Basis NONE = new Basis(CapturedRanges.NONE, Map.of(), null);

    @SuppressWarnings("ReferenceEquality") // a policy changes in its maps
    boolean isSame(Basis other) {
      return ranges.entries().equals(other.ranges.entries())
          && ranges.portSets().equals(other.ranges.portSets())
          && fds.equals(other.fds)
          && policy == other.policy;
    }
  }

  public KernelLookup(Syscalls syscalls) {
    this.syscalls = syscalls;
    this.bpf = new Bpf(syscalls);
  }

  /** The link's descriptor, for another process; negative if there is none. */
  public int link() {
    return link;
  }

  /**
   * Takes another process's link, which has a program. The next that comes into force takes that
   * one's place, and so at no moment there is none.
   */
  public void adopt(int other) {
    link = other;
  }

  /** Whether this process may use it: 0, or the negative errno of trying. */
  public int probe() {
    int map = bpf.createMap(Bpf.MapSpec.of(Linux.BPF_MAP_TYPE_SOCKMAP, 4, 8, 1, "sluice_probe"));
    if (map < 0) {
      return map;
    }
    int _ = syscalls.close(map);
    Bpf.LoadedProgram passing = loadPassing();
    if (passing.isLoaded()) {
      int _ = syscalls.close(passing.fd());
    }
    return Math.min(0, passing.fd());
  }

  /**
   * A program that is loaded, and a link that takes it; nothing of it is in force.
   *
   * @param program its descriptor; negative if something went wrong
   * @param link the descriptor of a link
   * @param wrong what went wrong; empty if nothing did
   * @param basis what the program was made of
   */
  public record Prepared(int program, int link, String wrong, Basis basis) {
    private static Prepared not(String wrong) {
      return new Prepared(NONE, NONE, wrong, Basis.NONE);
    }

    public boolean isReady() {
      return program >= 0;
    }
  }

  /**
   * Gets a program for these ranges ready; as {@link #load}. If the one in force is just that, it
   * is kept.
   */
  public Prepared prepare(
      CapturedRanges ranges, Map<Protocol, Integer> fds, @Nullable Policy policy) {
    Basis wanted = new Basis(ranges, Map.copyOf(fds), policy);
    if (program != NONE && wanted.isSame(basis)) {
      return new Prepared(program, link, "", wanted);
    }
    Loading loading = load(ranges, fds, policy);
    return loading.program < 0 ? Prepared.not(loading.wrong) : withLink(loading, wanted);
  }

  private Prepared withLink(Loading loading, Basis wanted) {
    if (link != NONE) {
      return new Prepared(loading.program, link, "", wanted);
    }
    Bpf.LoadedProgram passing = loadPassing();
    int result = passing.isLoaded() ? attach(passing.fd()) : passing.fd();
    if (passing.isLoaded()) {
      int _ = syscalls.close(passing.fd()); // the link holds it
    }
    if (result < 0) {
      int _ = syscalls.close(loading.program);
      String wrong =
          result == -Linux.E2BIG
              ? "sk_lookup: a network namespace takes 64 programs, and has them; see bpftool link"
              : said("can't attach the program", result);
      return Prepared.not(wrong);
    }
    return new Prepared(loading.program, result, "", wanted);
  }

  /** Captures what was prepared from now on, and nothing else. */
  public void commit(Prepared prepared) {
    int result = bpf.updateLink(prepared.link, prepared.program);
    if (program != NONE && program != prepared.program) {
      int _ = syscalls.close(program);
    }
    link = prepared.link;
    program = prepared.program;
    basis = prepared.basis;
    if (result < 0) {
      log.error("{}", said("the link has gone, and is made again", result));
    }
  }

  /** Gives back what was prepared. */
  public void abort(Prepared prepared) {
    if (prepared.isReady() && prepared.program != program) {
      int _ = syscalls.close(prepared.program);
      if (prepared.link != link) {
        int _ = syscalls.close(prepared.link);
      }
    }
  }

  /** Whether the program is attached: somebody may have detached its link ({@code bpftool}). */
  public boolean isAttached() {
    return link != NONE && bpf.replaceLink(link, program, program) >= 0;
  }

  /**
   * Attaches the program again.
   *
   * @return null, or what went wrong
   */
  public @Nullable String attachAgain() {
    int made = attach(program);
    if (made < 0) {
      return said("can't attach the program", made);
    }
    int _ = syscalls.close(link);
    link = made;
    return null;
  }

  /**
   * A program over maps of its own.
   *
   * @param program its descriptor; negative if it couldn't be loaded: then {@code wrong} says why
   */
  public record Loading(int program, String wrong) {}

  /**
   * Loads a program for these ranges.
   *
   * @param fds the sockets that it assigns to, and so to their reuseport groups, until they are
   *     closed: one of each protocol that is captured. A packet of a family that a socket doesn't
   *     take is passed
   * @param policy what it decides itself; null for nothing
   */
  Loading load(CapturedRanges ranges, Map<Protocol, Integer> fds, @Nullable Policy policy) {
    int sockets =
        bpf.createMap(
            Bpf.MapSpec.of(
                Linux.BPF_MAP_TYPE_SOCKMAP, 4, 8, LookupProgram.SLOTS, "sluice_sockets"));
    if (sockets < 0) {
      return new Loading(NONE, said("can't make a socket map", sockets));
    }
    try {
      for (Map.Entry<Protocol, Integer> each : fds.entrySet()) {
        byte[] slot = little(4).putInt(LookupProgram.slot(each.getKey() == Protocol.UDP)).array();
        byte[] fd = little(8).putLong(each.getValue()).array();
        int result = bpf.update(sockets, slot, fd, Linux.BPF_ANY);
        if (result < 0) {
          return new Loading(NONE, said("can't put a socket into its map", result));
        }
      }
      return load(ranges, sockets, policy);
    } finally {
      int _ = syscalls.close(sockets); // the program holds it
    }
  }

  private Loading load(CapturedRanges ranges, int sockets, @Nullable Policy policy) {
    int[] maps = {NONE, NONE, NONE};
    try {
      String wrong = makeMaps(ranges, maps);
      if (wrong != null) {
        return new Loading(NONE, wrong);
      }
      BpfAssembler code = LookupProgram.code(maps[0], maps[1], maps[2], sockets, policy);
      String excess = Policy.excess(code);
      if (excess != null) {
        return new Loading(NONE, excess);
      }
      Bpf.LoadedProgram loaded =
          bpf.load(
              Linux.BPF_PROG_TYPE_SK_LOOKUP,
              Linux.BPF_SK_LOOKUP,
              code.assemble(),
              policy == null ? "sluice_capture" : "sluice_steer");
      return loaded.isLoaded()
          ? new Loading(loaded.fd(), "")
          : new Loading(NONE, said("can't load the program", loaded.fd()) + "\n" + loaded.log());
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

  /** Makes a link to this process's network namespace; a negative errno if it can't. */
  private int attach(int program) {
    int namespace = syscalls.open(NAMESPACE);
    if (namespace < 0) {
      return namespace;
    }
    int made = bpf.createLink(program, namespace, Linux.BPF_SK_LOOKUP);
    int _ = syscalls.close(namespace);
    return made;
  }

  private Bpf.LoadedProgram loadPassing() {
    return bpf.load(
        Linux.BPF_PROG_TYPE_SK_LOOKUP, Linux.BPF_SK_LOOKUP, LookupProgram.passes(), "sluice_probe");
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
  public void close() {
    if (link != NONE) {
      int _ = syscalls.close(link);
      int _ = syscalls.close(program);
      link = NONE;
      program = NONE;
      basis = Basis.NONE;
    }
  }
}
