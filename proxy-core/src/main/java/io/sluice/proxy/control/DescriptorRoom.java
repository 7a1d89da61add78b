package io.sluice.proxy.control;

import io.sluice.config.Config;
import io.sluice.proxy.loop.Descriptors;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Says for how much traffic the descriptors are enough. */
final class DescriptorRoom {
  private static final Logger log = LoggerFactory.getLogger(DescriptorRoom.class);

  private DescriptorRoom() {}

  /** What traffic may have of the descriptors, now that the daemon has its own. */
  static void divide(Config config) throws IOException {
    Descriptors.divide();
    long connections = Descriptors.tcp().most() / Descriptors.PER_CONNECTION;
    long flows = Descriptors.udp().most();
    String room =
        ("the limit of open files is %d, which leaves room for %d connections and %d flows;"
                + " raise it with LimitNOFILE= or ulimit -n")
            .formatted(Descriptors.limit(), connections, flows);
    if (Descriptors.areTooFew()) {
      throw new IOException(room);
    }
    if (connections < config.limits().connections() || flows < config.limits().flows()) {
      log.warn("{}, or lower limits.connections and limits.flows", room);
    }
  }
}
