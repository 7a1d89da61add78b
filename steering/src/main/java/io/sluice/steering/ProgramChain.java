package io.sluice.steering;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Programs in attach order, run as the kernel runs them: all of them, always.
 *
 * <p>From program to program goes the selection that the last passing program left behind. A
 * program that drops loses whatever it put into the context; a selection, once remembered, beats
 * any drop (net/core/filter.c, BPF_PROG_SK_LOOKUP_RUN_ARRAY). Immutable.
 */
public final class ProgramChain {
  /** The kernel's limit of links per network namespace. */
  public static final int MAX_PROGRAMS = 64;

  private final List<Link> links;
  private final Link[] run;

  /**
   * A program under the name that messages and metrics know it by.
   *
   * @param shadow runs beside it, and decides nothing; null if nobody does
   */
  public record Link(String name, Program program, @Nullable Shadow shadow) {
    /** One beside which nobody runs. */
    public Link(String name, Program program) {
      this(name, program, null);
    }
  }

  /** Hears what each program did; for {@code explain}. */
  @FunctionalInterface
  public interface Trace {
    /**
     * A program has run.
     *
     * @param passed false if it dropped
     * @param selected what the context held when it returned
     */
    void ran(Link link, LookupContext context, boolean passed, @Nullable Socket selected);
  }

  private ProgramChain(List<Link> links) {
    this.links = links;
    this.run = links.toArray(new Link[0]);
  }

  /**
   * A chain in the order of the list.
   *
   * @throws IllegalArgumentException if there are more than {@link #MAX_PROGRAMS}
   */
  public static ProgramChain of(List<Link> links) {
    if (links.size() > MAX_PROGRAMS) {
      throw new IllegalArgumentException(
          links.size() + " programs; an attach point takes " + MAX_PROGRAMS);
    }
    return new ProgramChain(List.copyOf(links));
  }

  public List<Link> links() {
    return links;
  }

  /**
   * Runs all programs. Afterwards the context holds the remembered selection, if any.
   *
   * @param trace hears what each program did; then no shadow runs, as nobody sends anything
   * @return null if nobody dropped, else the first drop's reason; a selection overrules it
   */
  @Nullable DropReason run(LookupContext context, @Nullable Trace trace) {
    Socket selected = null;
    boolean noReuseport = false;
    DropReason dropped = null;
    context.dropOrigin().clear();
    try {
      for (Link link : run) {
        Socket before = selected;
        boolean noReuseportBefore = noReuseport;
        context.enter(link.name, selected, noReuseport);
        DropReason drop = run(link, context);
        if (trace != null) {
          trace.ran(link, context, drop == null, context.socket());
        }
        if (drop != null) {
          if (dropped == null) {
            dropped = drop;
            context.droppedBy(link.program);
          }
        } else if (context.socket() != null) {
          selected = context.socket();
          noReuseport = context.noReuseport();
        }
        if (link.shadow != null && trace == null) {
          Socket after = context.socket();
          link.shadow.run(link, context, before, noReuseportBefore, drop == null, after);
        }
      }
    } finally { // an observer or a trace may throw
      context.leave(selected, noReuseport);
    }
    return dropped;
  }

  private static @Nullable DropReason run(Link link, LookupContext context) {
    try {
      int answer = link.program.run(context);
      if (answer == Program.SK_PASS) {
        return null;
      }
      if (answer == Program.SK_DROP) {
        return context.dropReason();
      }
      context
          .observer()
          .programFailed(
              link.name, new WrongAnswer("returned " + answer + "; 0 (drop) and 1 (pass) exist"));
    } catch (Throwable failure) { // checked ones too: other JVM languages throw them undeclared
      context.observer().programFailed(link.name, failure);
    }
    return DropReason.PROGRAM_ERROR;
  }

  /** Without a stack trace, which would say nothing and cost much: this may be once per packet. */
  private static final class WrongAnswer extends RuntimeException {
    private static final long serialVersionUID = 1;

    WrongAnswer(String message) {
      super(message, null, false, false);
    }
  }
}
