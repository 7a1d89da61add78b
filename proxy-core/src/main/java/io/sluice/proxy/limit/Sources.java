package io.sluice.proxy.limit;

import org.jspecify.annotations.Nullable;

/** The daemon's {@link SourceTable}, which is made when the first limit needs it. Any thread. */
public final class Sources {
  private final long sessions;
  private volatile @Nullable SourceTable table;

  /**
   * @param sessions how many sessions and flows there may be
   */
  public Sources(long sessions) {
    this.sessions = sessions;
  }

  /** The table; made by whoever asks first. */
  public SourceTable table() {
    SourceTable made = table;
    return made == null ? make() : made;
  }

  private synchronized SourceTable make() {
    SourceTable made = table;
    if (made == null) {
      made = new SourceTable(SourceTable.sourcesFor(sessions));
      table = made;
    }
    return made;
  }
}
