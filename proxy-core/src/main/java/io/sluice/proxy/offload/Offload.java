package io.sluice.proxy.offload;

import io.sluice.config.OffloadObstacles;
import io.sluice.proxy.kernel.Policy;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.OffloadState;
import io.sluice.steering.binding.BindingTable;
import io.sluice.steering.binding.BindingTable.Difference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Connections that the kernel gives to targets' own sockets, without us. It gets ready what a
 * configuration needs ({@link #prepare}), and keeps it in step with the targets: a thread of its
 * own looks at them every {@value #LOOK_MILLIS} ms, and at once when something is heard of one.
 *
 * <p>Any thread; one at a time.
 */
public final class Offload implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Offload.class);
  private static final long LOOK_MILLIS = 100;
  private static final int LOOKS_PER_COUNT = 10; // counters are read, and sockets asked, so often
  private static final int MOST_CHANGES = 10_000; // of bindings, made one by one

  private final Counters counters;
  private final Syscalls syscalls = new Syscalls();
  private @Nullable Steered inForce;
  private @Nullable ScheduledExecutorService thread; // null while nothing is offloaded
  private int looks;

  public Offload(Counters counters) {
    this.counters = counters;
  }

  /** What is ready to come into force, or why nothing is. */
  public static final class Prepared {
    private final Snapshot snapshot;
    private final @Nullable Steered steered; // what is in force, if that only changes
    private String trouble;

    private Prepared(Snapshot snapshot, @Nullable Steered steered, String trouble) {
      this.snapshot = snapshot;
      this.steered = steered;
      this.trouble = trouble;
    }

    /** What the kernel's program is to decide; null for nothing. */
    public @Nullable Policy policy() {
      return steered == null ? null : steered.policy();
    }

    /**
     * The kernel's answer to the policy.
     *
     * @param refusal why it won't have it; empty if it will
     */
    public void answered(String refusal) {
      if (steered != null && !refusal.isEmpty()) {
        trouble = refusal;
      }
    }

    /** Why destinations that must be offloaded can't be, each with its label. */
    public List<String> refusals() {
      List<String> refusals = new ArrayList<>();
      for (Destination each : snapshot.destinations()) {
        if (each.spec().offload().isRequired() && !trouble.isEmpty()) {
          String why = trouble.lines().findFirst().orElse("");
          refusals.add("destination " + each.label() + ": offload is required: " + why);
        }
      }
      return refusals;
    }
  }

  /** Gets ready what a snapshot needs, beside what is in force. */
  public synchronized Prepared prepare(Snapshot snapshot) {
    if (Steered.candidates(snapshot).isEmpty()) {
      return new Prepared(snapshot, null, "");
    }
    Steered now = inForce;
    if (now != null && now.isNearly(snapshot)) {
      return new Prepared(snapshot, now, "");
    }
    Steered.Made made = Steered.make(syscalls, snapshot, inForce, this::wake);
    return new Prepared(snapshot, made.steered(), made.wrong());
  }

  /** Gives back what was prepared. */
  public synchronized void abort(Prepared prepared) {
    if (prepared.steered != null && prepared.steered != inForce) {
      prepared.steered.close(inForce);
    }
  }

  /** What was prepared is in force: the kernel's program has its policy, or has none. */
  public synchronized void commit(Prepared prepared) {
    Steered before = inForce;
    boolean isUsed = prepared.steered != null && prepared.trouble.isEmpty();
    inForce = isUsed ? prepared.steered : null;
    if (inForce != null && inForce == before) {
      if (!inForce.update(prepared.snapshot, this::wake)) {
        log.warn("not all offloaded why=\"the kernel's maps are full\"");
      }
    } else if (before != null) {
      before.count(counters);
      before.close(inForce);
    }
    if (prepared.steered != null && prepared.steered != before && !isUsed) {
      prepared.steered.close(null);
    }
    tell(prepared);
    if (inForce == null) {
      stop();
    } else if (thread == null) {
      start();
    }
  }

  private void tell(Prepared prepared) {
    OffloadObstacles obstacles = Steered.obstacles(prepared.snapshot);
    for (Destination each : prepared.snapshot.destinations()) {
      if (!each.spec().offload().isWanted()) {
        each.targets().forEach(it -> it.offload(OffloadState.OFF));
        continue;
      }
      String why = prepared.trouble.lines().findFirst().orElse("");
      if (why.isEmpty()) {
        why = String.join("; ", obstacles.of(each.spec()));
      }
      if (!why.equals(each.offloadTrouble()) && !why.isEmpty()) {
        log.warn("not offloaded destination={} why=\"{}\"", each.label(), why);
      }
      each.offloadTrouble(why);
      if (!why.isEmpty()) {
        OffloadState off = OffloadState.not(OffloadState.Kind.OFF, why);
        each.targets().forEach(it -> it.offload(off));
      }
    }
    if (inForce != null) {
      inForce.publish();
      report(inForce);
    }
  }

  private static void report(Steered steered) {
    for (SteeredDestination each : steered.destinations()) {
      for (SteeredTarget target : each.targets()) {
        log.info(
            "offload destination={} target={} state={} why=\"{}\"",
            each.destination().label(),
            target.target(),
            target.state().kind().word(),
            target.state().why());
      }
    }
  }

  /** Whether the kernel's bindings can go over to others one by one; else prepare all anew. */
  public synchronized boolean follows(BindingTable next) {
    Steered now = inForce;
    Difference difference = now == null ? null : difference(now, next);
    return now == null || difference != null && now.bindings().knows(difference);
  }

  private static @Nullable Difference difference(Steered now, BindingTable next) {
    return next.differenceFrom(now.bindings().table(), MOST_CHANGES);
  }

  /**
   * Bindings alone have changed, and the kernel's {@linkplain #follows can follow}: they do, one by
   * one. If the kernel has no memory for them, the relay has everything until the next change.
   */
  public synchronized void rebound(Snapshot next) {
    Steered now = inForce;
    Difference difference = now == null ? null : difference(now, next.bindings());
    if (now == null || difference == null) {
      return;
    }
    int result = now.bindings().change(next.bindings(), difference);
    if (result < 0) {
      log.error("not offloaded why=\"can't change the bindings: {}\"", Linux.errnoName(-result));
      now.maps().isInForce(false);
    }
  }

  /** Something was heard of a target: looks at all of them soon. Any thread; doesn't wait. */
  public void wake() {
    ScheduledExecutorService looking = thread;
    if (looking != null) {
      try {
        looking.execute(this::look);
      } catch (RejectedExecutionException _) {
        // It has just been stopped.
      }
    }
  }

  private void start() {
    ScheduledExecutorService made =
        Executors.newSingleThreadScheduledExecutor(task -> {
          Thread looking = new Thread(task, "sluice-offload");
          looking.setDaemon(true);
          return looking;
        });
    var _ =
        made.scheduleWithFixedDelay(this::look, LOOK_MILLIS, LOOK_MILLIS, TimeUnit.MILLISECONDS);
    thread = made;
  }

  private void stop() {
    if (thread != null) {
      thread.shutdownNow();
      thread = null;
    }
  }

  private synchronized void look() {
    Steered now = inForce;
    if (now == null) {
      return;
    }
    boolean isTurn = ++looks % LOOKS_PER_COUNT == 0;
    List<OffloadState> before = states(now);
    now.look(isTurn, this::wake);
    now.publish();
    if (isTurn) {
      now.count(counters);
    }
    if (!before.equals(states(now))) {
      report(now);
    }
  }

  private static List<OffloadState> states(Steered steered) {
    return steered.destinations().stream()
        .flatMap(it -> it.targets().stream())
        .map(SteeredTarget::state)
        .toList();
  }

  /** Reads the kernel's counters now, for whoever shows them. */
  public synchronized void count() {
    if (inForce != null) {
      inForce.count(counters);
    }
  }

  @Override
  public synchronized void close() {
    stop();
    if (inForce != null) {
      inForce.count(counters);
      inForce.close(null);
      inForce = null;
    }
  }
}
