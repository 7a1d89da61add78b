package io.sluice.proxy.capture;

import io.sluice.proxy.linux.Nftables;
import io.sluice.proxy.linux.Syscalls;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Installs, watches and removes {@link CaptureRules} by {@code nft} and {@code ip}. What a process
 * that was killed has left behind, the next install replaces. Called on the control thread.
 */
public final class InstalledRules {
  private static final Logger log = LoggerFactory.getLogger(InstalledRules.class);

  /** Prints our table. */
  public static final List<String> LIST = List.of("nft", "list", "table", "inet", "sluice");

  /** How many looks apart the routing rules are asked for; nftables says itself what it changes. */
  private static final int LOOKS_BETWEEN = 10;

  private final Nftables nftables;
  private CaptureRules installed = CaptureRules.of(List.of());
  private String table = ""; // as nft lists it
  private long generation = -1;
  private int looks;
  private boolean areThere;
  private boolean areIntact = true;

  InstalledRules(Syscalls syscalls) {
    this.nftables = new Nftables(syscalls);
  }

  /**
   * Installs these rules in the place of those that are there. If it fails, what was there is.
   *
   * @return null, or what went wrong
   */
  @Nullable String replaceBy(CaptureRules rules) {
    if (areThere && rules.toShell().equals(installed.toShell()) && areIntact()) {
      return null;
    }
    String wrong = install(rules);
    if (wrong == null) {
      installed = rules;
      areThere = true;
      remember();
      log.info("installed table=\"{}\"", CaptureRules.TABLE);
    } else if (!areThere) {
      removeRoutes();
    }
    return wrong;
  }

  private void remember() {
    generation = nftables.generation();
    table = ExternalCommand.run(LIST, "").said();
    areIntact = true;
  }

  /**
   * Whether the rules are as they were installed. Cheap as long as nobody changes anything in
   * nftables.
   */
  boolean areIntact() {
    if (!areThere) {
      return true;
    }
    long now = nftables.generation();
    looks++;
    if (now < 0 || now != generation || looks % LOOKS_BETWEEN == 0) {
      generation = now;
      areIntact = ExternalCommand.run(LIST, "").said().equals(table) && areRoutesThere();
    }
    return areIntact;
  }

  private boolean areRoutesThere() {
    return installed.routeQuestions().stream()
        .allMatch(it -> !ExternalCommand.run(it, "").said().isBlank());
  }

  /**
   * Installs them again, after somebody has changed or removed them.
   *
   * @return null, or what went wrong
   */
  @Nullable String restore() {
    String wrong = install(installed);
    if (wrong == null) {
      remember();
    }
    return wrong;
  }

  /** They are another process's from now on: nothing is removed any more. */
  void forget() {
    areThere = false;
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
   * Installs rules, in the place of ours that may be there. The routes come first: without marked
   * packets they do nothing, and the rules then come into force by one transaction.
   *
   * @return null, or what went wrong
   */
  public static @Nullable String install(CaptureRules rules) {
    for (List<String> command : rules.routes()) {
      String failed = run(command, "");
      if (failed != null && !failed.contains("File exists")) {
        return failed;
      }
    }
    return run(List.of("nft", "-f", "-"), rules.nft());
  }

  /**
   * Removes our rules, whoever installed them.
   *
   * @return null, or what went wrong
   */
  public static @Nullable String removeAll() {
    String wrong = run(List.of("nft", "-f", "-"), CaptureRules.nftRemoval());
    removeRoutes();
    return wrong;
  }

  private static void removeRoutes() {
    for (List<String> command : CaptureRules.routeRemoval()) {
      String _ = run(command, ""); // fails if there is nothing to remove
    }
  }

  private static @Nullable String run(List<String> command, String input) {
    return ExternalCommand.run(command, input).problem();
  }
}
