package io.sluice.steering;

/**
 * A reuseport group, as the engine sees it: when a member is hit, it says which member gets it.
 *
 * @see Socket#group()
 */
public interface SocketGroup {
  /**
   * Selects a member.
   *
   * @param context the lookup
   * @param hit the member that was assigned, or that the listener table found
   * @return {@link Verdict.Assign} of the member that gets it ({@code hit} if the group has no
   *     opinion), or {@link Verdict.Drop}, like a group's program that drops: then the lookup
   *     fails, and nothing else is tried. Made beforehand: {@link Socket#assign}, {@link
   *     Verdict.Drop#of}
   */
  Verdict select(LookupContext context, Socket hit);
}
