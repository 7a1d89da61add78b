package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import java.util.List;

/** TODO. */
final class InstalledRules {
  List<Captures.Failure> apply(List<CaptureSpec> captures) {
    return List.of();
  }

  void remove() {}
}
