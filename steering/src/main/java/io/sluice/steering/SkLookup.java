package io.sluice.steering;

import org.jspecify.annotations.Nullable;

/**
 * One lookup from end to end: programs, then the reuseport group of what they selected, or the
 * ordinary listeners if they selected nothing.
 *
 * <p>Immutable; safe on any thread, each with a context of its own. Allocates nothing.
 */
public final class SkLookup {
  private final ProgramChain programs;
  private final ListenerTable listeners;

  public SkLookup(ProgramChain programs, ListenerTable listeners) {
    this.programs = programs;
    this.listeners = listeners;
  }

  public ProgramChain programs() {
    return programs;
  }

  public ListenerTable listeners() {
    return listeners;
  }

  /** Says where the context's connection or datagram belongs. */
  public Verdict lookup(LookupContext context) {
    return lookup(context, null);
  }

  /** {@link #lookup(LookupContext)}, and tells {@code trace} what each program did. */
  public Verdict lookup(LookupContext context, ProgramChain.@Nullable Trace trace) {
    DropReason dropped = programs.run(context, trace);
    Socket selected = context.socket();
    if (selected != null) {
      Socket member = context.noReuseport() ? selected : throughGroup(context, selected);
      return member == null ? Verdict.Drop.of(context.dropReason()) : member.assign();
    }
    return dropped != null ? Verdict.Drop.of(dropped) : listener(context);
  }

  private Verdict listener(LookupContext context) {
    Socket hit = listeners.find(context);
    if (hit == null) {
      return Verdict.Pass.NO_LISTENER;
    }
    Socket member = throughGroup(context, hit);
    return member == null ? Verdict.Drop.of(context.dropReason()) : member.pass();
  }

  private static @Nullable Socket throughGroup(LookupContext context, Socket hit) {
    SocketGroup group = hit.group();
    if (group == null) {
      return hit;
    }
    int _ = context.drop(DropReason.GROUP); // unless the group says why
    return group.select(context, hit);
  }
}
