package io.sluice.steering;

import org.jspecify.annotations.Nullable;

/**
 * The SK_SKB programs that a socket has inherited from the maps that it is in: one parser and one
 * verdict at most, of one map or of two (net/core/sock_map.c, sock_map_link). Any thread.
 */
public final class SocketPrograms {
  /** What a socket runs. */
  public record Running(@Nullable SkSkbProgram parser, @Nullable SkSkbProgram verdict) {
    static final Running NOTHING = new Running(null, null);
  }

  private @Nullable SkSkbProgram parser;
  private @Nullable Object parserOwner;
  private @Nullable SkSkbProgram verdict;
  private @Nullable Object verdictOwner;
  private boolean isPerBuffer;

  SocketPrograms() {}

  /**
   * Takes over a map's programs.
   *
   * @param owner the map's entry: what {@link #release} names
   * @param isPerBuffer the verdict judges buffers, not messages (skb_verdict)
   * @return 0, or -EBUSY if there is one of a kind already: then nothing is taken over
   */
  public synchronized int inherit(
      Object owner,
      @Nullable SkSkbProgram parser,
      @Nullable SkSkbProgram verdict,
      boolean isPerBuffer) {
    if (conflicts(parser, verdict)) {
      return Errno.EBUSY.negative();
    }
    if (parser != null) {
      this.parser = parser;
      this.parserOwner = owner;
    }
    if (verdict != null) {
      this.verdict = verdict;
      this.verdictOwner = owner;
      this.isPerBuffer = isPerBuffer;
    }
    return 0;
  }

  /** Whether it has one of a kind already that would be given to it. */
  public synchronized boolean conflicts(
      @Nullable SkSkbProgram parser, @Nullable SkSkbProgram verdict) {
    return parser != null && this.parser != null || verdict != null && this.verdict != null;
  }

  /** Drops what came by this entry, which is gone. */
  public synchronized void release(Object owner) {
    if (owner.equals(parserOwner)) {
      parser = null;
      parserOwner = null;
    }
    if (owner.equals(verdictOwner)) {
      verdict = null;
      verdictOwner = null;
    }
  }

  /**
   * What runs: nothing without a verdict; a parser only with a stream verdict. A verdict without
   * parser judges each buffer.
   */
  public synchronized Running running() {
    if (verdict == null) {
      return Running.NOTHING;
    }
    return new Running(isPerBuffer ? null : parser, verdict);
  }
}
