package io.sluice.proxy.capture;

import io.sluice.proxy.kernel.KernelLookup;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Captures that are ready to come into force: sockets are bound, the kernel's program is loaded,
 * rules are installed. Nothing is taken in by them until {@link #commit}, which can't fail; if that
 * isn't called, {@link #close} gives everything back.
 */
public final class CaptureChange implements AutoCloseable {
  private final Captures captures;
  private final CapturePlan plan;
  private final List<CaptureFailure> failures;
  private final CaptureSockets.Prepared sockets;
  private final KernelLookup.@Nullable Prepared program;
  private final String withoutPolicy;
  private boolean isDone;

  CaptureChange(
      Captures captures,
      CapturePlan plan,
      List<CaptureFailure> failures,
      CaptureSockets.Prepared sockets,
      KernelLookup.@Nullable Prepared program,
      String withoutPolicy) {
    this.captures = captures;
    this.plan = plan;
    this.failures = List.copyOf(failures);
    this.sockets = sockets;
    this.program = program;
    this.withoutPolicy = withoutPolicy;
  }

  CapturePlan plan() {
    return plan;
  }

  CaptureSockets.Prepared sockets() {
    return sockets;
  }

  /** What the kernel gets; null if nothing is captured there. */
  KernelLookup.@Nullable Prepared program() {
    return program;
  }

  /** Why the kernel won't decide about connections itself; empty if it will, or needn't. */
  public String withoutPolicy() {
    return withoutPolicy;
  }

  /** What isn't, or not wholly, there. */
  public List<CaptureFailure> failures() {
    return failures;
  }

  /** Whether the captures can't come into force: one that must be whole isn't, or none is there. */
  public boolean isRefused() {
    return isRefused(failures, sockets, plan);
  }

  static boolean isRefused(
      List<CaptureFailure> failures, CaptureSockets.Prepared sockets, CapturePlan plan) {
    return failures.stream().anyMatch(CaptureFailure::strict)
        || (!failures.isEmpty() && sockets.isNothing(plan));
  }

  /** Puts the captures into force. */
  public void commit() {
    isDone = true;
    captures.commit(this);
  }

  @Override
  public void close() {
    if (!isDone) {
      isDone = true;
      captures.abort(this);
    }
  }
}
