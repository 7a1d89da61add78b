package io.sluice.steering;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Code that runs at a lookup.
 *
 * <p>It sees the context, may {@linkplain LookupContext#assign assign} a socket, and says pass or
 * drop. It runs on an event loop: it must not block, and ought not to allocate.
 *
 * <p>In a jar that a configuration names, it is a public class with a public constructor that takes
 * nothing, or a {@code io.sluice.steering.map.ProgramMaps}: its way to the sockets of labels.
 */
@FunctionalInterface
public interface Program {
  /** Refuse, unless some program assigned a socket and passed. */
  int SK_DROP = 0;

  /** Go on: with the assigned socket, or with the ordinary listeners if there is none. */
  int SK_PASS = 1;

  /**
   * Judges one connection or datagram.
   *
   * <p>An answer other than {@link #SK_DROP} and {@link #SK_PASS}, or an exception, counts as a
   * drop with the reason {@link DropReason#PROGRAM_ERROR}. (The kernel's verifier doesn't load such
   * a program.)
   *
   * @param context valid during the call only
   * @return {@link #SK_PASS} or {@link #SK_DROP}
   */
  int run(LookupContext context);

  /**
   * Says for {@code sluice explain} what this program considered, best first. Not called on the hot
   * path.
   */
  default List<Candidate> explain(LookupContext context) {
    return List.of();
  }

  /**
   * The part of this program, like a rule, that it named by {@link LookupContext#part}: for who
   * keeps it longer than the program, so an object that doesn't hold on to it.
   *
   * @return null if there is nothing to say
   */
  default @Nullable Object part(int index) {
    return null;
  }

  /**
   * One thing that a program considered.
   *
   * @param match what was compared, like {@code 127.0.1.0/24:8080}
   * @param result what it leads to, like a label
   * @param why why it won, or lost
   */
  record Candidate(String match, String result, String why) {}
}
