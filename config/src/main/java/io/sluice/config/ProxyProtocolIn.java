package io.sluice.config;

import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import java.time.Duration;
import java.util.List;

/**
 * Whose connections and datagrams begin with a PROXY protocol header, which is believed.
 *
 * @param from the peers; everybody else is an ordinary client
 * @param timeout how long a connection may take to send its header
 */
public record ProxyProtocolIn(List<IpPrefix> from, Duration timeout) {
  /** Three seconds, so that a lost segment can be sent again (proxy-protocol.txt, section 2). */
  public static final Duration TIMEOUT = Duration.ofSeconds(3);

  public ProxyProtocolIn {
    from = List.copyOf(from);
  }

  /** Whether it is one of the peers. Allocates nothing. */
  public boolean isFrom(Family family, long high, long low) {
    for (int i = 0; i < from.size(); i++) {
      if (from.get(i).contains(family, high, low)) {
        return true;
      }
    }
    return false;
  }
}
