package io.sluice.proxy.handover;

import org.jspecify.annotations.Nullable;

/** A walk through a loop's sessions or flows that hands them over. Called on their loop. */
public interface Leaving extends AutoCloseable {
  /** The next ones; null if there are no more that can be handed over as they are. */
  @Nullable Parting next();

  @Override
  void close();
}
