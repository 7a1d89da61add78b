package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.linux.Linux;

/**
 * A capture that is not, or not wholly, there.
 *
 * @param what what is wrong, and what would mend it
 * @param strict whether the configuration can't come into force then
 */
public record CaptureFailure(String capture, String what, boolean strict) {
  /**
   * A socket address could not be bound.
   *
   * @param holder who holds it, if it is in use: looking that up for a whole range takes long
   */
  static CaptureFailure ofBind(CaptureSpec capture, CapturePlan.Key key, int errno, String holder) {
    String who =
        switch (errno) {
          case Linux.EADDRINUSE -> "; it is held by " + holder;
          case Linux.EACCES -> "; ports below 1024 need root or CAP_NET_BIND_SERVICE";
          case Linux.EMFILE -> "; raise the limit of open files (ulimit -n, LimitNOFILE=)";
          case Linux.EAFNOSUPPORT -> "; " + Requirements.ALLOW_IPV6;
          default -> "";
        };
    String what = "can't bind " + key + ": " + Linux.errnoName(errno) + who;
    // The ports of bind are many, and one may be missed; the others have all or nothing.
    boolean all = capture.method() != CaptureSpec.Method.BIND;
    return new CaptureFailure(capture.name(), what, capture.strict() || all);
  }

  @Override
  public String toString() {
    return "capture " + capture + ": " + what;
  }
}
