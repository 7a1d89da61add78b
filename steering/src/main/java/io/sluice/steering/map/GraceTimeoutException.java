package io.sluice.steering.map;

/**
 * Some lookup, or the loop that it may be on, has stood still for too long.
 *
 * <p>What was to be replaced is replaced, and all new lookups see it; but who got this can't tell
 * whether the old one is still in use.
 */
public final class GraceTimeoutException extends RuntimeException {
  private static final long serialVersionUID = 1;

  GraceTimeoutException(String message) {
    super(message);
  }
}
