package io.sluice.proxy.control;

import io.sluice.config.Config;
import io.sluice.config.ConfigException;
import io.sluice.config.Problem;
import io.sluice.proxy.capture.CaptureChange;
import io.sluice.proxy.capture.CaptureFailure;
import io.sluice.proxy.capture.Captures;
import io.sluice.proxy.capture.Requirement;
import io.sluice.proxy.capture.Requirements;
import io.sluice.proxy.doctor.SourceChecks;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.name.Resolver;
import io.sluice.proxy.offload.Offload;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * How to get from the configuration in force to another one. Every change goes this way, wherever
 * it comes from:
 *
 * <p>Bindings that change alone take no more than a snapshot, which shares all else with the one in
 * force.
 *
 * <pre>
 *   Plan.of(have, want) ──▶ prepare ──▶ commit: one volatile write, and what can't fail
 *                              │
 *                              └─ refused: every problem is named, and nothing has changed
 * </pre>
 */
final class Plan {
  private static final long RESOLVE_MILLIS = 3_000;

  private final @Nullable Snapshot have;
  private final Config want;

  private Plan(@Nullable Snapshot have, Config want) {
    this.have = have;
    this.want = want;
  }

  /**
   * @param have what is in force; null at the start
   */
  static Plan of(@Nullable Snapshot have, Config want) {
    return new Plan(have, want);
  }

  /**
   * Gets everything ready: loads programs, builds the snapshot, waits for names, binds sockets,
   * installs rules. Interrupted, it gives everything back.
   *
   * @throws RefusedException if the configuration can't come into force
   */
  Prepared prepare(Resolver resolver, Captures captures, Offload offload)
      throws RefusedException, InterruptedException {
    if (have != null && want.isRebound(have.config()) && offload.follows(want.bindings())) {
      return new Prepared(have.rebound(want), null, null, List.of(), resolver, offload);
    }
    List<Problem> inFile = new ArrayList<>();
    List<String> problems = new ArrayList<>();
    List<String> warnings = new ArrayList<>();
    check(problems, warnings);
    Snapshot next = null;
    CaptureChange change = null;
    Offload.Prepared steered = null;
    boolean isReady = false;
    try {
      next = build(resolver, inFile);
      for (String name : resolver.awaitFirstAnswers(RESOLVE_MILLIS)) {
        warnings.add("target name has no address yet name=" + name);
      }
      boolean isLasting = !inFile.isEmpty() || !problems.isEmpty();
      if (!isLasting && next != null) {
        steered = offload.prepare(next);
        change = captures.prepare(want.captures(), steered.policy());
        steered.answered(change.withoutPolicy());
        List<String> refusals = steered.refusals();
        isLasting = !refusals.isEmpty();
        problems.addAll(refusals);
        List<String> failures = change.failures().stream().map(CaptureFailure::toString).toList();
        (change.isRefused() ? problems : warnings).addAll(failures);
      }
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
      if (next == null || steered == null || change == null || !problems.isEmpty()) {
        throw new RefusedException(inFile, problems, isLasting);
      }
      isReady = true;
      return new Prepared(next, change, steered, warnings, resolver, offload);
    } finally {
      if (!isReady) {
        if (steered != null) {
          offload.abort(steered);
        }
        abort(next, change, resolver);
      }
    }
  }

  /** What the machine and the rights of the process rule out, without touching anything. */
  private void check(List<String> problems, List<String> warnings) {
    for (Requirement unmet : Requirements.unmet(want.captures())) {
      (unmet.isAdvice() ? warnings : problems).add(unmet.toString());
    }
    String missing = SourceChecks.missingRight(want);
    if (missing != null) {
      problems.add(missing);
    }
    warnings.addAll(SourceChecks.missingAddresses(want));
  }

  private @Nullable Snapshot build(Resolver resolver, List<Problem> problems) {
    try {
      return Snapshot.of(want, have, resolver);
    } catch (ConfigException unusable) {
      problems.addAll(unusable.problems());
      return null;
    }
  }

  private void abort(@Nullable Snapshot next, @Nullable CaptureChange change, Resolver resolver) {
    if (change != null) {
      change.close();
    }
    if (next != null) {
      next.discard(have);
    }
    if (have != null) {
      have.retainNames(resolver);
    }
  }

  /** A configuration that is ready to come into force. */
  public final class Prepared implements AutoCloseable {
    private final Snapshot snapshot;
    private final @Nullable CaptureChange captures; // null if they stay as they are
    private final Offload.@Nullable Prepared steered; // null with them
    private final List<String> warnings;
    private final Resolver resolver;
    private final Offload offload;
    private boolean isDone;

    private Prepared(
        Snapshot snapshot,
        @Nullable CaptureChange captures,
        Offload.@Nullable Prepared steered,
        List<String> warnings,
        Resolver resolver,
        Offload offload) {
      this.snapshot = snapshot;
      this.captures = captures;
      this.steered = steered;
      this.warnings = List.copyOf(warnings);
      this.resolver = resolver;
      this.offload = offload;
    }

    /** What is doubtful, but doesn't keep it from coming into force. */
    List<String> warnings() {
      return warnings;
    }

    /**
     * Puts it into force. Can't fail.
     *
     * @param publish makes the snapshot what lookups read
     */
    void commit(Consumer<Snapshot> publish) {
      publish(publish);
      open();
    }

    /** The first half of {@link #commit}: lookups read the snapshot. */
    void publish(Consumer<Snapshot> publish) {
      publish.accept(snapshot);
    }

    /** The second half: traffic comes in. */
    void open() {
      isDone = true;
      if (captures == null || steered == null) {
        offload.rebound(snapshot);
      } else {
        captures.commit();
        offload.commit(steered);
        snapshot.retainNames(resolver);
      }
    }

    /** Gives everything back, unless it has come into force. */
    @Override
    public void close() {
      if (!isDone) {
        isDone = true;
        if (steered != null) {
          offload.abort(steered);
        }
        abort(snapshot, captures, resolver);
      }
    }
  }
}
