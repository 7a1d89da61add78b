package io.sluice.bpf.run;

import static io.sluice.bpf.run.Argument.ANYTHING;
import static io.sluice.bpf.run.Argument.CONTEXT;
import static io.sluice.bpf.run.Argument.FUNCTION;
import static io.sluice.bpf.run.Argument.KEY;
import static io.sluice.bpf.run.Argument.MAP;
import static io.sluice.bpf.run.Argument.NUMBER;
import static io.sluice.bpf.run.Argument.READ;
import static io.sluice.bpf.run.Argument.RECORD;
import static io.sluice.bpf.run.Argument.SIZE;
import static io.sluice.bpf.run.Argument.SOCKET;
import static io.sluice.bpf.run.Argument.SOCKET_OR_NULL;
import static io.sluice.bpf.run.Argument.VALUE;
import static io.sluice.bpf.run.Argument.WRITE;

import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The helpers that programs may call, by the kernel's numbers (include/uapi/linux/bpf.h).
 *
 * <p>Each is a public static method that takes the {@link Run}, and for each argument an object, a
 * number or both, as {@link Argument} says; it gives a long or an object.
 */
public enum Helper {
  MAP_LOOKUP_ELEM(1, MapHelpers.class, "lookup", Result.OF_MAP, MAP, KEY),
  MAP_UPDATE_ELEM(2, MapHelpers.class, "update", Result.NUMBER, MAP, KEY, VALUE, NUMBER),
  MAP_DELETE_ELEM(3, MapHelpers.class, "delete", Result.NUMBER, MAP, KEY),
  KTIME_GET_NS(5, PlainHelpers.class, "ktime", Result.NUMBER),
  TRACE_PRINTK(6, Printing.class, "printk", Result.NUMBER, READ, SIZE, NUMBER, NUMBER, NUMBER),
  GET_PRANDOM_U32(7, PlainHelpers.class, "random", Result.NUMBER),
  GET_SMP_PROCESSOR_ID(8, PlainHelpers.class, "processor", Result.NUMBER),
  GET_CURRENT_PID_TGID(14, PlainHelpers.class, "noProcess", Result.NUMBER),
  GET_CURRENT_COMM(16, PlainHelpers.class, "noName", Result.NUMBER, WRITE, SIZE),
  PERF_EVENT_OUTPUT(
      25, PlainHelpers.class, "noPerfEvent", Result.NUMBER, CONTEXT, MAP, NUMBER, READ, SIZE),
  GET_NUMA_NODE_ID(42, PlainHelpers.class, "zero", Result.NUMBER),
  SK_RELEASE(86, PlainHelpers.class, "release", Result.NUMBER, SOCKET),
  PROBE_READ_USER(112, PlainHelpers.class, "noUserMemory", Result.NUMBER, WRITE, SIZE, NUMBER),
  JIFFIES64(118, PlainHelpers.class, "jiffies", Result.NUMBER),
  SK_ASSIGN(124, SkLookupFields.class, "assign", Result.NUMBER, CONTEXT, SOCKET_OR_NULL, NUMBER),
  KTIME_GET_BOOT_NS(125, PlainHelpers.class, "ktime", Result.NUMBER),
  RINGBUF_OUTPUT(130, RingBuffers.class, "output", Result.NUMBER, MAP, READ, SIZE, NUMBER),
  RINGBUF_RESERVE(131, RingBuffers.class, "reserve", Result.RECORD, MAP, NUMBER, NUMBER),
  RINGBUF_SUBMIT(132, RingBuffers.class, "submit", Result.NOTHING, RECORD, NUMBER),
  RINGBUF_DISCARD(133, RingBuffers.class, "discard", Result.NOTHING, RECORD, NUMBER),
  RINGBUF_QUERY(134, RingBuffers.class, "query", Result.NUMBER, MAP, NUMBER),
  KTIME_GET_COARSE_NS(160, PlainHelpers.class, "ktime", Result.NUMBER),
  LOOP(181, PlainHelpers.class, "", Result.NUMBER, NUMBER, FUNCTION, ANYTHING, NUMBER);

  /** What a helper gives. */
  public enum Result {
    NUMBER,
    /** No number that a program may use. */
    NOTHING,
    /** What the map holds, or null. */
    OF_MAP,
    /** A record of a ring buffer, or null. */
    RECORD
  }

  private static final Set<Helper> OF_SK_LOOKUP = EnumSet.of(SK_RELEASE, SK_ASSIGN);
  private static final Helper[] ALL = values();

  private final int number;
  private final Class<?> methods;
  private final String method;
  private final Result result;

  @SuppressWarnings("ImmutableEnumChecker") // made by List.of
  private final List<Argument> arguments;

  Helper(int number, Class<?> methods, String method, Result result, Argument... arguments) {
    this.number = number;
    this.methods = methods;
    this.method = method;
    this.result = result;
    this.arguments = List.of(arguments);
  }

  /** The helper with a number; null if there is none of it here. */
  public static @Nullable Helper of(int number) {
    for (Helper helper : ALL) {
      if (helper.number == number) {
        return helper;
      }
    }
    return null;
  }

  public int number() {
    return number;
  }

  /** The class of {@link #method}. */
  public Class<?> methods() {
    return methods;
  }

  /** The name of the static method that does it. */
  public String method() {
    return method;
  }

  public Result result() {
    return result;
  }

  public List<Argument> arguments() {
    return arguments;
  }

  /** Whether programs of a type may call it. */
  public boolean isFor(ProgramType type) {
    return type == ProgramType.SK_LOOKUP || !OF_SK_LOOKUP.contains(this);
  }

  /** Whether it does nothing here, or always gives an error, and what one should know of it. */
  public @Nullable String note() {
    return switch (this) {
      case GET_CURRENT_PID_TGID, GET_CURRENT_COMM ->
          "gives -EINVAL: a lookup belongs to no process";
      case PERF_EVENT_OUTPUT -> "gives -ENOENT: use a ring buffer instead";
      case PROBE_READ_USER -> "gives -EFAULT: a lookup has no user's memory";
      default -> null;
    };
  }

  /** As C programs call it. */
  @Override
  public String toString() {
    return "bpf_" + name().toLowerCase(Locale.ROOT);
  }
}
