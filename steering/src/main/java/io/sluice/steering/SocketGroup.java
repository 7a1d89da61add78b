package io.sluice.steering;

import org.jspecify.annotations.Nullable;

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
   * @return the member that gets it ({@code hit} if the group has no opinion), or null if the group
   *     refuses, like a group's program that drops: then the lookup fails, and nothing else is
   *     tried. The reason is {@link DropReason#GROUP} unless the group says another ({@link
   *     LookupContext#drop})
   */
  @Nullable Socket select(LookupContext context, Socket hit);
}
