package io.sluice.steering;

/**
 * A program of the kernel's type SK_SKB: what socket maps hold of stream parsers and verdicts,
 * which {@code io.sluice.steering.stream} defines.
 */
public interface SkSkbProgram {
  /** What a program does. */
  enum Kind {
    /** Finds where messages end. */
    PARSER,
    /** Judges messages. */
    VERDICT
  }

  /** What this one does. */
  Kind kind();
}
