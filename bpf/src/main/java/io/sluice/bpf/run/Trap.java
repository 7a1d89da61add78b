package io.sluice.bpf.run;

/**
 * A program did what the kernel's verifier wouldn't have let it do: its run ends, and counts as a
 * failure. Without a stack trace, as there may be one per packet.
 */
@SuppressWarnings("StaticAssignmentOfThrowable") // they have no stack trace
public final class Trap extends RuntimeException {
  private static final long serialVersionUID = 1;

  private static final Trap NULL = new Trap("a pointer is null, or points at nothing of this kind");
  private static final Trap BUDGET = new Trap("the budget of back edges and helper calls is spent");
  private static final Trap RANGE = new Trap("an access out of range");
  private static final Trap READ_ONLY = new Trap("a write into what is read only");
  private static final Trap FRAMES = new Trap("more than 8 frames of calls");

  private Trap(String message) {
    super(message, null, false, false);
  }

  static Trap nullPointer() {
    return NULL;
  }

  static Trap outOfRange() {
    return RANGE;
  }

  static Trap readOnly() {
    return READ_ONLY;
  }

  static Trap tooManyFrames() {
    return FRAMES;
  }

  /** The budget is spent; compiled programs throw it. */
  public static Trap overBudget() {
    return BUDGET;
  }

  /** What a run ended with that is no trap of ours, as one. */
  public static Trap of(Throwable cause) {
    return cause instanceof Trap trap ? trap : new Trap(String.valueOf(cause));
  }
}
