package io.sluice.proxy.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * bpf(2): maps, programs and links of the kernel. Each call answers a descriptor or 0, or the
 * negative errno; a program that the verifier refuses comes with its log ({@link LoadedProgram}).
 *
 * <p>Descriptors are the caller's to close. All memory is the instance's own, which belongs to one
 * thread. The offsets are those of {@code union bpf_attr} in linux/bpf.h, per command.
 */
public final class Bpf {
  private static final int MAP_CREATE = 0;
  private static final int MAP_LOOKUP_ELEM = 1;
  private static final int MAP_UPDATE_ELEM = 2;
  private static final int MAP_DELETE_ELEM = 3;
  private static final int MAP_GET_NEXT_KEY = 4;
  private static final int PROG_LOAD = 5;
  private static final int PROG_TEST_RUN = 10;
  private static final int PROG_QUERY = 16;
  private static final int MAP_UPDATE_BATCH = 26;
  private static final int LINK_CREATE = 28;
  private static final int LINK_UPDATE = 29;
  private static final int LINK_DETACH = 34;

  private static final int MAX_NAME_BYTES = 15;
  private static final int LOG_BYTES = 1 << 20;

  /** The least that is taken for a packet: an Ethernet header, and some more. */
  private static final int PACKET_BYTES = 64;

  private static final Path POSSIBLE_PROCESSORS = Path.of("/sys/devices/system/cpu/possible");
  private static final int MOST_PROCESSORS = 8192; // as many as a kernel can be built for
  private static final int PROCESSORS = processors();

  private final Syscalls syscalls;
  private final MemorySegment attributes = Arena.ofAuto().allocate(128, 8);
  private MemorySegment data = Arena.ofAuto().allocate(4096, 8);

  /** Calls for the thread that {@code syscalls} belongs to. */
  public Bpf(Syscalls syscalls) {
    this.syscalls = syscalls;
  }

  /**
   * A map to be made.
   *
   * @param type like {@link Linux#BPF_MAP_TYPE_SOCKMAP}
   * @param flags like {@link Linux#BPF_F_NO_PREALLOC}
   * @param innerMapFd the template of a map of maps; else 0
   * @param name at most 15 of letters, digits, {@code _} and {@code .}
   */
  public record MapSpec(
      int type,
      int keyBytes,
      int valueBytes,
      int maxEntries,
      int flags,
      int innerMapFd,
      String name) {
    public MapSpec {
      checkName(name);
    }

    /** A map without flags that isn't one of maps. */
    public static MapSpec of(int type, int keyBytes, int valueBytes, int maxEntries, String name) {
      return new MapSpec(type, keyBytes, valueBytes, maxEntries, 0, 0, name);
    }
  }

  /**
   * What became of a program.
   *
   * @param fd its descriptor, or a negative errno
   * @param log the verifier's; empty if it was loaded
   */
  public record LoadedProgram(int fd, String log) {
    public boolean isLoaded() {
      return fd >= 0;
    }

    /** One line first: the errno, and what the verifier said last; then its whole log. */
    public String message() {
      if (isLoaded()) {
        return "loaded";
      }
      String said =
          log.lines()
              .filter(line -> !line.isBlank() && !line.startsWith("processed "))
              .reduce("", (_, line) -> line);
      String first = Linux.errnoName(-fd) + (said.isEmpty() ? "" : ": " + said);
      return log.isEmpty() ? first : first + "\n" + log;
    }
  }

  /**
   * Makes a map.
   *
   * <pre>  0 type  4 key  8 value  12 entries  16 flags  20 inner fd  28 name(16)  </pre>
   */
  public int createMap(MapSpec spec) {
    attributes.fill((byte) 0);
    attributes.set(JAVA_INT, 0, spec.type);
    attributes.set(JAVA_INT, 4, spec.keyBytes);
    attributes.set(JAVA_INT, 8, spec.valueBytes);
    attributes.set(JAVA_INT, 12, spec.maxEntries);
    attributes.set(JAVA_INT, 16, spec.flags);
    attributes.set(JAVA_INT, 20, spec.innerMapFd);
    attributes.asSlice(28).setString(0, spec.name, StandardCharsets.US_ASCII);
    return call(MAP_CREATE);
  }

  /** Puts a value under a key; {@code flags} like {@link Linux#BPF_NOEXIST}. */
  public int update(int map, byte[] key, byte[] value, long flags) {
    element(map, key, value.length);
    MemorySegment.copy(value, 0, data, JAVA_BYTE, valueAt(key), value.length);
    attributes.set(JAVA_LONG, 24, flags);
    return call(MAP_UPDATE_ELEM);
  }

  /**
   * Puts many values under as many keys, by as few calls as the kernel takes.
   *
   * <pre>  16 keys*  24 values*  32 count  36 map fd  </pre>
   *
   * @param keys one behind the other
   * @param values one behind the other, as many
   * @return 0, or a negative errno; then some of them are there
   */
  public int updateMany(int map, byte[] keys, byte[] values, int count) {
    reserve(valueAt(keys) + values.length);
    MemorySegment.copy(keys, 0, data, JAVA_BYTE, 0, keys.length);
    MemorySegment.copy(values, 0, data, JAVA_BYTE, valueAt(keys), values.length);
    attributes.fill((byte) 0);
    attributes.set(JAVA_LONG, 16, data.address());
    attributes.set(JAVA_LONG, 24, data.address() + valueAt(keys));
    attributes.set(JAVA_INT, 32, count);
    attributes.set(JAVA_INT, 36, map);
    return count == 0 ? 0 : call(MAP_UPDATE_BATCH);
  }

  /**
   * Reads a value that each processor has one of, and adds them up: counters.
   *
   * @param sums receives the sums; as many as the map's values have numbers of 8 bytes
   */
  public int lookupSum(int map, byte[] key, long[] sums) {
    int valueBytes = 8 * sums.length;
    element(map, key, PROCESSORS * valueBytes);
    int result = call(MAP_LOOKUP_ELEM);
    Arrays.fill(sums, 0);
    for (int i = 0; result == 0 && i < PROCESSORS * sums.length; i++) {
      sums[i % sums.length] += data.get(JAVA_LONG, valueAt(key) + 8L * i);
    }
    return result;
  }

  /** Removes a key. */
  public int delete(int map, byte[] key) {
    element(map, key, 0);
    attributes.set(JAVA_LONG, 16, 0);
    return call(MAP_DELETE_ELEM);
  }

  /**
   * Reads a value.
   *
   * @param value receives it; as long as the map's values
   */
  public int lookup(int map, byte[] key, byte[] value) {
    element(map, key, value.length);
    int result = call(MAP_LOOKUP_ELEM);
    if (result == 0) {
      MemorySegment.copy(data, JAVA_BYTE, valueAt(key), value, 0, value.length);
    }
    return result;
  }

  /**
   * Iterates over the keys.
   *
   * @param key where the caller is; null for the first
   * @param next receives the next key
   */
  public int nextKey(int map, byte @Nullable [] key, byte[] next) {
    byte[] from = key == null ? next : key;
    element(map, from, next.length);
    if (key == null) {
      attributes.set(JAVA_LONG, 8, 0);
    }
    int result = call(MAP_GET_NEXT_KEY);
    if (result == 0) {
      MemorySegment.copy(data, JAVA_BYTE, valueAt(from), next, 0, next.length);
    }
    return result;
  }

  /** <pre>  0 map fd  8 key*  16 value* or next key*  24 flags  </pre> */
  private void element(int map, byte[] key, int valueBytes) {
    reserve(valueAt(key) + valueBytes);
    MemorySegment.copy(key, 0, data, JAVA_BYTE, 0, key.length);
    attributes.fill((byte) 0);
    attributes.set(JAVA_INT, 0, map);
    attributes.set(JAVA_LONG, 8, data.address());
    attributes.set(JAVA_LONG, 16, data.address() + valueAt(key));
  }

  private static int valueAt(byte[] key) {
    return key.length + 7 & ~7;
  }

  private void reserve(long bytes) {
    if (data.byteSize() < bytes) {
      data = Arena.ofAuto().allocate(bytes, 8);
    }
  }

  /**
   * Loads a program, licensed GPL.
   *
   * <pre>  0 type  4 count  8 code*  16 license*  24 log level  28 log size  32 log*
   *  48 name(16)  68 expected attach type  </pre>
   *
   * @param attachType expected, like {@link Linux#BPF_SK_LOOKUP}
   * @param code as {@link BpfAssembler#assemble} makes it
   */
  public LoadedProgram load(int type, int attachType, byte[] code, String name) {
    checkName(name);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment instructions = arena.allocate(Math.max(8, code.length), 8);
      MemorySegment.copy(code, 0, instructions, JAVA_BYTE, 0, code.length);
      attributes.fill((byte) 0);
      attributes.set(JAVA_INT, 0, type);
      attributes.set(JAVA_INT, 4, code.length / 8);
      attributes.set(JAVA_LONG, 8, instructions.address());
      attributes.set(JAVA_LONG, 16, arena.allocateFrom("GPL").address());
      attributes.asSlice(48).setString(0, name, StandardCharsets.US_ASCII);
      attributes.set(JAVA_INT, 68, attachType);
      int fd = call(PROG_LOAD);
      if (fd >= 0) {
        return new LoadedProgram(fd, "");
      }
      // Only now with a log: if a log doesn't fit, a valid program fails with ENOSPC.
      MemorySegment log = arena.allocate(LOG_BYTES);
      attributes.set(JAVA_INT, 24, 1);
      attributes.set(JAVA_INT, 28, LOG_BYTES);
      attributes.set(JAVA_LONG, 32, log.address());
      int again = call(PROG_LOAD);
      return again >= 0
          ? new LoadedProgram(again, "")
          : new LoadedProgram(fd, log.getString(0, StandardCharsets.UTF_8));
    }
  }

  /**
   * Attaches a program, for as long as the link's descriptor is open.
   *
   * <pre>  0 program fd  4 target fd  8 attach type  </pre>
   *
   * @param target for {@link Linux#BPF_SK_LOOKUP} a network namespace ({@link Syscalls#open})
   */
  public int createLink(int program, int target, int attachType) {
    attributes.fill((byte) 0);
    attributes.set(JAVA_INT, 0, program);
    attributes.set(JAVA_INT, 4, target);
    attributes.set(JAVA_INT, 8, attachType);
    return call(LINK_CREATE);
  }

  /** Gives a link another program, at once and in the same place. */
  public int updateLink(int link, int program) {
    return updateLink(link, program, 0, 0);
  }

  /** Gives a link another program if {@code expected} is what it has, else answers EPERM. */
  public int replaceLink(int link, int program, int expected) {
    return updateLink(link, program, Linux.BPF_F_REPLACE, expected);
  }

  /** <pre>  0 link fd  4 new program fd  8 flags  12 old program fd  </pre> */
  private int updateLink(int link, int program, int flags, int expected) {
    attributes.fill((byte) 0);
    attributes.set(JAVA_INT, 0, link);
    attributes.set(JAVA_INT, 4, program);
    attributes.set(JAVA_INT, 8, flags);
    attributes.set(JAVA_INT, 12, expected);
    return call(LINK_UPDATE);
  }

  /** Detaches a link that stays open; again is no error. */
  public int detachLink(int link) {
    attributes.fill((byte) 0);
    attributes.set(JAVA_INT, 0, link);
    return call(LINK_DETACH);
  }

  /**
   * The programs that are attached, in the order in which they run.
   *
   * <pre>  0 target fd  4 attach type  8 query flags  12 attach flags  16 ids*  24 count  </pre>
   *
   * @param ids receives their ids; if it is empty, they are only counted
   * @return how many there are, or negative: ENOSPC if there are more than fit
   */
  public int queryPrograms(int target, int attachType, int[] ids) {
    reserve(4L * ids.length);
    attributes.fill((byte) 0);
    attributes.set(JAVA_INT, 0, target);
    attributes.set(JAVA_INT, 4, attachType);
    attributes.set(JAVA_LONG, 16, ids.length == 0 ? 0 : data.address());
    attributes.set(JAVA_INT, 24, ids.length);
    int result = call(PROG_QUERY);
    MemorySegment.copy(data, JAVA_INT, 0, ids, 0, ids.length);
    return result < 0 ? result : attributes.get(JAVA_INT, 24);
  }

  /**
   * Runs a program once, attached or not, on a context that the caller makes up.
   *
   * <pre>  0 program fd  4 answer  40 context size  44 out size  48 context*  56 out*  </pre>
   *
   * @param context what the program sees, like {@code struct bpf_sk_lookup}
   * @param out receives the context as it is afterwards
   * @return the program's answer, or a negative errno
   */
  public int testRun(int program, byte[] context, byte[] out) {
    int outAt = valueAt(context);
    reserve(outAt + out.length);
    describeRun(program, context);
    attributes.set(JAVA_INT, 44, out.length);
    attributes.set(JAVA_LONG, 56, data.address() + outAt);
    int result = call(PROG_TEST_RUN);
    MemorySegment.copy(data, JAVA_BYTE, outAt, out, 0, out.length);
    return result < 0 ? result : attributes.get(JAVA_INT, 4);
  }

  /**
   * Runs a program many times on the same context, to measure it.
   *
   * <pre>  0 program fd  32 repeat  36 nanoseconds  40 context size  48 context*  </pre>
   *
   * @return what one run took, in nanoseconds, without the way into the kernel; or a negative errno
   */
  public int testRunNanos(int program, byte[] context, int repeat) {
    reserve(context.length);
    describeRun(program, context);
    attributes.set(JAVA_INT, 32, repeat);
    int result = call(PROG_TEST_RUN);
    return result < 0 ? result : attributes.get(JAVA_INT, 36);
  }

  /**
   * Runs a program of {@link Linux#BPF_PROG_TYPE_SCHED_CLS} once, on an empty packet.
   *
   * <pre>  0 program fd  4 answer  8 size in  16 packet*  32 repeat  </pre>
   *
   * @return the program's answer, or a negative errno
   */
  public int testRun(int program) {
    reserve(PACKET_BYTES);
    data.asSlice(0, PACKET_BYTES).fill((byte) 0);
    attributes.fill((byte) 0);
    attributes.set(JAVA_INT, 0, program);
    attributes.set(JAVA_INT, 8, PACKET_BYTES);
    attributes.set(JAVA_LONG, 16, data.address());
    attributes.set(JAVA_INT, 32, 1);
    int result = call(PROG_TEST_RUN);
    return result < 0 ? result : attributes.get(JAVA_INT, 4);
  }

  private void describeRun(int program, byte[] context) {
    MemorySegment.copy(context, 0, data, JAVA_BYTE, 0, context.length);
    attributes.fill((byte) 0);
    attributes.set(JAVA_INT, 0, program);
    attributes.set(JAVA_INT, 40, context.length);
    attributes.set(JAVA_LONG, 48, data.address());
  }

  /**
   * How many processors there may ever be, by a list like {@code 0-7}: so many values the kernel
   * writes, whatever room there is.
   */
  private static int processors() {
    try {
      String[] numbers = Files.readString(POSSIBLE_PROCESSORS).strip().split("[-,]", -1);
      return Integer.parseInt(numbers[numbers.length - 1]) + 1;
    } catch (IOException | NumberFormatException _) {
      return MOST_PROCESSORS;
    }
  }

  private int call(int command) {
    return (int) syscalls.bpf(command, attributes);
  }

  private static void checkName(String name) {
    if (name.length() > MAX_NAME_BYTES || !name.matches("[A-Za-z0-9_.]*")) {
      throw new IllegalArgumentException(
          "\"" + name + "\" is no name of a BPF object; it has at most 15 of A-Z a-z 0-9 _ .");
    }
  }
}
