package io.sluice.steering.reuseport;

import io.sluice.steering.LookupContext;
import io.sluice.steering.Socket;
import io.sluice.steering.SocketGroup;

/** Placeholder until the selection strategies land. */
public final class ReuseportGroup implements SocketGroup {
  @Override
  public Socket select(LookupContext context, Socket hit) {
    return hit;
  }
}
