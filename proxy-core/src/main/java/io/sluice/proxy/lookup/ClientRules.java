package io.sluice.proxy.lookup;

import io.sluice.config.CaptureSpec;
import io.sluice.config.Config;
import io.sluice.proxy.arrival.CaptureFinder;
import io.sluice.proxy.limit.SourceRules;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Tuple;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** {@code perSource} of the process and of its captures. Immutable; any thread. */
public final class ClientRules {
  private final @Nullable SourceRules process;
  private final @Nullable CaptureFinder captures; // null if none has rules
  private final Map<String, SourceRules> byCapture;

  private ClientRules(
      @Nullable SourceRules process,
      @Nullable CaptureFinder captures,
      Map<String, SourceRules> byCapture) {
    this.process = process;
    this.captures = captures;
    this.byCapture = byCapture;
  }

  static ClientRules of(Config config) {
    Map<String, SourceRules> byCapture = new HashMap<>();
    List<CaptureSpec> captures = config.captures();
    for (CaptureSpec capture : captures) {
      SourceRules rules = SourceRules.of(capture.perSource(), "capture " + capture.name());
      if (rules != null) {
        byCapture.put(capture.name(), rules);
      }
    }
    return new ClientRules(
        SourceRules.of(config.limits().perSource(), "process"),
        byCapture.isEmpty() ? null : CaptureFinder.of(captures),
        byCapture);
  }

  /** What holds for all clients; null for no bound. */
  @Nullable SourceRules process() {
    return process;
  }

  /**
   * What holds for the clients of the capture that the context's connection came by; null for no
   * bound.
   *
   * @param scratch is overwritten
   */
  @Nullable SourceRules ofCapture(LookupContext context, Tuple scratch) {
    if (captures == null) {
      return null;
    }
    Tuple came = context.copyPhysicalTo(scratch);
    CaptureSpec capture =
        captures.find(
            came.protocol(), came.family(), came.localHigh(), came.localLow(), came.localPort());
    return capture == null ? null : byCapture.get(capture.name());
  }
}
