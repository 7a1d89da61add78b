package io.sluice.proxy.kernel;

/**
 * What the program knows of a label, in one number, so that it is read whole:
 *
 * <pre>
 *   63     56 55            32 31                    0
 *  +---------+----------------+-----------------------+
 *  |  flags  | entries, count |     entries, first    |
 *  +---------+----------------+-----------------------+
 * </pre>
 *
 * The entries say by a hash which target gets a connection; the one behind them is the first
 * target. Without entries the relay gets it. An entry is 1 + a slot, or 0 for the relay.
 */
final class Records {
  /** Not a label: whether the policy is in force. Without, the relay gets everything. */
  static final int SWITCH = 0;

  /** The client's address alone decides. */
  static final int BY_SOURCE = 1;

  /** No destination has the label. */
  static final int MISSING = 2;

  static final int FLAGS_SHIFT = 56;
  static final int COUNT_SHIFT = 32;

  /** The most entries of a label: as many as a Maglev table has. */
  static final int MOST_ENTRIES = 65_537;

  private Records() {}

  static long of(int flags, int first, int count) {
    return (long) flags << FLAGS_SHIFT | (long) count << COUNT_SHIFT | first;
  }
}
