package io.sluice.proxy.observe;

import io.sluice.steering.Errno;
import io.sluice.steering.Family;
import io.sluice.steering.LookupContext;
import io.sluice.steering.LookupObserver;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The daemon's own counters; those of a destination are on the destination. Written by the event
 * loops, read by the scrape. They live as long as the process: a reload loses none.
 */
public final class Counters implements LookupObserver {
  private static final Logger log = LoggerFactory.getLogger(Counters.class);

  private static final Protocol[] PROTOCOLS = Protocol.values();

  private final LongAdder[] drops = adders(Refusal.values().length * PROTOCOLS.length);
  private final LongAdder[] shadowed = adders(Refusal.values().length * PROTOCOLS.length);
  private final Durations connects = new Durations();
  private final LongAdder[] reloads = adders(2);
  private final LongAdder[] checks = adders(CheckResult.values().length);
  private final LongAdder sourceOverflows = new LongAdder();
  private final LongAdder acceptPauses = new LongAdder();
  private final Map<Miss, LongAdder> misses = new ConcurrentHashMap<>();
  private final Map<AssignError, LongAdder> assignErrors = new ConcurrentHashMap<>();
  private final Map<String, LongAdder> programErrors = new ConcurrentHashMap<>();
  private final RateLimit programLog = new RateLimit(1_000);
  private final Map<KernelDrop, LongAdder> kernelDrops = new ConcurrentHashMap<>();
  private volatile LongSupplier bufferBytes = () -> 0;
  private volatile LongSupplier bufferLimitBytes = () -> 0;

  /** Whose socket was missing. */
  public record Miss(String label, Family family, Protocol protocol) {}

  /** Whose assign failed, and how. */
  public record AssignError(String program, Errno errno) {}

  /** Which program had the kernel refuse connections, and why. */
  public record KernelDrop(String program, Refusal reason) {}

  /** The kernel refused connections by itself; they count as drops, too. */
  public void droppedByKernel(String program, Refusal reason, long connections) {
    drops(reason, Protocol.TCP).add(connections);
    kernelDrops
        .computeIfAbsent(new KernelDrop(program, reason), _ -> new LongAdder())
        .add(connections);
  }

  /** What the kernel refused by itself. */
  public Map<KernelDrop, LongAdder> kernelDrops() {
    return kernelDrops;
  }

  /** An array of zeros. */
  public static LongAdder[] adders(int count) {
    LongAdder[] adders = new LongAdder[count];
    for (int i = 0; i < count; i++) {
      adders[i] = new LongAdder();
    }
    return adders;
  }

  /** Says where to ask how much memory is in flight, and how much may be. Asked on any thread. */
  public void buffers(LongSupplier bytes, LongSupplier limitBytes) {
    bufferBytes = bytes;
    bufferLimitBytes = limitBytes;
  }

  /** How much memory is in flight. */
  public long bufferBytes() {
    return bufferBytes.getAsLong();
  }

  /** How much may be. */
  public long bufferLimitBytes() {
    return bufferLimitBytes.getAsLong();
  }

  /** Counts refused connections and datagrams. */
  public LongAdder drops(Refusal reason, Protocol protocol) {
    return drops[reason.ordinal() * PROTOCOLS.length + protocol.ordinal()];
  }

  /** Counts what limits with {@code shadow: true} would have refused. */
  public LongAdder shadowed(Refusal reason, Protocol protocol) {
    return shadowed[reason.ordinal() * PROTOCOLS.length + protocol.ordinal()];
  }

  /** Counts how often no place was left to count a client's source, so that it was not limited. */
  public LongAdder sourceOverflows() {
    return sourceOverflows;
  }

  /** Counts configurations that were asked for after the first, by whether they were valid. */
  public LongAdder reloads(boolean valid) {
    return reloads[valid ? 1 : 0];
  }

  /** Counts checks of targets. */
  public LongAdder checks(CheckResult result) {
    return checks[result.ordinal()];
  }

  /** How long it took to connect to targets, retries included. */
  public Durations connects() {
    return connects;
  }

  /** Counts how often a loop stopped accepting because the machine ran out of something. */
  public LongAdder acceptPauses() {
    return acceptPauses;
  }

  public Map<Miss, LongAdder> misses() {
    return misses;
  }

  public Map<AssignError, LongAdder> assignErrors() {
    return assignErrors;
  }

  /** How often each program failed, by its name. */
  public Map<String, LongAdder> programErrors() {
    return programErrors;
  }

  @Override
  public void missed(String label, LookupContext context) {
    misses
        .computeIfAbsent(
            new Miss(label, context.family(), context.protocol()), _ -> new LongAdder())
        .increment();
  }

  @Override
  public void assignFailed(String program, Errno errno) {
    assignErrors.computeIfAbsent(new AssignError(program, errno), _ -> new LongAdder()).increment();
  }

  /** Logs, at a bounded rate, that a program assigned a socket that it made itself. */
  public void strangeSocket(Socket socket) {
    if (programLog.permits()) {
      int suppressed = programLog.suppressed();
      log.warn("program assigned no destination's socket={} suppressed={}", socket, suppressed);
    }
  }

  @Override
  public void programFailed(String program, Throwable cause) {
    programErrors.computeIfAbsent(program, _ -> new LongAdder()).increment();
    if (!programLog.permits()) {
      return;
    }
    int suppressed = programLog.suppressed();
    try {
      log.warn("program failed name={} suppressed={}", program, suppressed, cause);
    } catch (Throwable unspeakable) { // its getMessage() is the program's own code
      String type = cause.getClass().getName();
      log.warn("program failed name={} suppressed={} with={}", program, suppressed, type);
    }
  }
}
