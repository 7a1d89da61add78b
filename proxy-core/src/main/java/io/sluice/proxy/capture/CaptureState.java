package io.sluice.proxy.capture;

/**
 * Whether a capture is there.
 *
 * @param why what is missing; empty if nothing is
 */
public record CaptureState(String capture, String why) {
  /** Whether all of it is there. */
  public boolean isUp() {
    return why.isEmpty();
  }
}
