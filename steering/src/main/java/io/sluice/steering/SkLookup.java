package io.sluice.steering;

import org.jspecify.annotations.Nullable;

/**
 * One lookup from end to end: programs, then the reuseport group of what they selected, or the
 * ordinary listeners if they selected nothing.
 *
 * <p>Safe on any thread, each with a context of its own. Allocates nothing. Its listeners don't
 * change; its programs do if they are those of an attach point, of which each lookup takes the
 * state of its beginning.
 */
public final class SkLookup {
  private final ProgramChain programs;
  private final @Nullable AttachPoint attachPoint;
  private final ListenerTable listeners;

  /** A lookup through programs that don't change. */
  public SkLookup(ProgramChain programs, ListenerTable listeners) {
    this.programs = programs;
    this.attachPoint = null;
    this.listeners = listeners;
  }

  /** A lookup through whatever is attached when it begins. */
  public SkLookup(AttachPoint attachPoint, ListenerTable listeners) {
    this.programs = attachPoint.programs();
    this.attachPoint = attachPoint;
    this.listeners = listeners;
  }

  /** The programs in force. */
  public ProgramChain programs() {
    return attachPoint == null ? programs : attachPoint.programs();
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
    DropReason dropped = programs().run(context, trace);
    Socket selected = context.socket();
    if (selected != null) {
      return context.noReuseport() ? selected.assign() : throughGroup(context, selected);
    }
    return dropped != null ? Verdict.Drop.of(dropped) : listener(context);
  }

  private Verdict listener(LookupContext context) {
    Socket hit = listeners.find(context);
    if (hit == null) {
      return Verdict.Pass.NO_LISTENER;
    }
    Verdict selected = throughGroup(context, hit);
    return selected instanceof Verdict.Assign assign ? assign.socket().pass() : selected;
  }

  private static Verdict throughGroup(LookupContext context, Socket hit) {
    SocketGroup group = hit.group();
    return group == null ? hit.assign() : group.select(context, hit);
  }
}
