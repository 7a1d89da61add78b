package io.sluice.proxy.control;

import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a daemon comes to serve in the place of another one, and leaves its place to one. Called as
 * {@link Daemon} is.
 */
final class Succession {
  private static final Logger log = LoggerFactory.getLogger(Succession.class);

  private final Daemon daemon;

  Succession(Daemon daemon) {
    this.daemon = daemon;
  }

  /**
   * Starts serving in the place of another daemon. If it fails before that one has let go, that one
   * serves on, and nothing of it has changed.
   *
   * @throws RefusedException if the configuration can't come into force here
   * @throws IOException if the other one gives up
   */
  void takeOver(TakingOver other) throws IOException, InterruptedException {
    Newcomers newcomers = new Newcomers(daemon.relays());
    Plan.Prepared prepared = prepared(other, newcomers);
    prepared.open();
    DescriptorRoom.divide(daemon.config());
    try {
      other.serving(
          newcomers, fields -> HandedCounters.unpack(fields, daemon.counters(), daemon.snapshot()));
    } catch (IOException failure) {
      if (!other.hasDied(failure)) {
        newcomers.drop();
        leave(); // the other one serves on
        throw failure;
      }
      log.warn("the other daemon died while it handed over: this one serves what it has");
      newcomers.goOn();
    }
    log.info("taken over connectionsAndFlows={}", newcomers.count());
    try {
      daemon.openAdmin();
    } catch (IOException failure) {
      log.error("no admin server: {}", failure.getMessage()); // traffic is worth more
    }
    other.done();
  }

  private Plan.Prepared prepared(TakingOver other, Newcomers newcomers)
      throws IOException, InterruptedException {
    Plan.Prepared prepared = null;
    boolean isPrepared = false;
    try {
      try (var _ = other.working()) {
        prepared =
            Plan.of(null, daemon.config())
                .prepare(daemon.resolver(), daemon.captures(), daemon.offload());
      }
      prepared.warnings().forEach(log::warn);
      prepared.publish(next -> daemon.publish(next.numbered(other.generation())));
      other.prepared(newcomers);
      isPrepared = true;
      return prepared;
    } catch (RefusedException refused) {
      other.refuse(String.valueOf(refused.getMessage()));
      throw refused;
    } finally {
      if (!isPrepared) {
        newcomers.drop();
        if (prepared != null) {
          prepared.close();
        }
        daemon.captures().letGo();
        daemon.end();
      }
    }
  }

  /** Takes nothing in: what comes waits in the kernel. */
  void pause() throws IOException {
    if (!daemon.captures().pause()) {
      throw new IOException("a loop doesn't answer");
    }
  }

  /** Serves on: nobody has taken over. */
  void resume() {
    daemon.captures().resume();
  }

  /** Another daemon serves; what it has not got ends here, as {@link Daemon#stop} says. */
  void leave() throws InterruptedException {
    daemon.captures().letGo();
    daemon.stop();
  }
}
