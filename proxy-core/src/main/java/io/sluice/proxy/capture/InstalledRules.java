package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Installs and removes {@link CaptureRules} by {@code nft} and {@code ip}. What a process that was
 * killed has left behind, the next install replaces. Called on one thread.
 */
public final class InstalledRules {
  private static final Logger log = LoggerFactory.getLogger(InstalledRules.class);

  private boolean areThere;

  InstalledRules() {}

  /** Installs the rules of those captures that ask for it; removes ours if none does any more. */
  List<Captures.Failure> apply(List<CaptureSpec> captures) {
    List<CaptureSpec> asking = captures.stream().filter(it -> it.options().install()).toList();
    if (asking.isEmpty()) {
      remove();
      return List.of();
    }
    areThere = true; // also half of them are to be removed
    String wrong = install(CaptureRules.of(asking));
    if (wrong == null) {
      log.info("installed table=\"{}\" captures={}", CaptureRules.TABLE, asking.size());
      return List.of();
    }
    return asking.stream().map(it -> new Captures.Failure(it.name(), wrong, true)).toList();
  }

  /** Removes what was installed; nothing if nothing was. */
  void remove() {
    if (areThere) {
      areThere = false;
      String wrong = removeAll();
      if (wrong == null) {
        log.info("removed table=\"{}\"", CaptureRules.TABLE);
      } else {
        log.warn("not removed table=\"{}\" why=\"{}\"", CaptureRules.TABLE, wrong);
      }
    }
  }

  /**
   * Installs rules, in the place of ours that may be there.
   *
   * @return null, or what went wrong
   */
  public static @Nullable String install(CaptureRules rules) {
    String wrong = run(List.of("nft", "-f", "-"), rules.nft());
    for (List<String> command : rules.routes()) {
      if (wrong == null) {
        String failed = run(command, "");
        wrong = failed != null && failed.contains("File exists") ? null : failed;
      }
    }
    return wrong;
  }

  /**
   * Removes our rules, whoever installed them.
   *
   * @return null, or what went wrong
   */
  public static @Nullable String removeAll() {
    String wrong = run(List.of("nft", "-f", "-"), CaptureRules.nftRemoval());
    for (List<String> command : CaptureRules.routeRemoval()) {
      String _ = run(command, ""); // fails if there is nothing to remove
    }
    return wrong;
  }

  private static @Nullable String run(List<String> command, String input) {
    return Programs.run(command, input).problem();
  }
}
