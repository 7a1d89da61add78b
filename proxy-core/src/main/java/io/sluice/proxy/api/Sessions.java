package io.sluice.proxy.api;

import io.sluice.proxy.observe.SessionFilter;
import io.sluice.proxy.observe.SessionState;
import java.io.IOException;
import java.util.List;

/** All sessions of a daemon. Asked on any thread but a loop, and waits for the loops. */
public interface Sessions {
  /**
   * Those that match, in no order; the list is the caller's.
   *
   * @throws IOException if a loop doesn't answer
   */
  List<SessionState> list(SessionFilter filter) throws IOException, InterruptedException;

  /**
   * Ends those that match.
   *
   * @return how many they were
   * @throws IOException if a loop doesn't answer; some may have been ended
   */
  int kill(SessionFilter filter) throws IOException, InterruptedException;
}
