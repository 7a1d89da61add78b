package io.sluice.steering;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * A program that runs beside another one, on the same lookups, and decides nothing: it is found out
 * whether it would have decided the same. It sees what the other one saw when it began, and what it
 * selects is thrown away, as is what it does wrong.
 *
 * <p>Any thread; compares without locks or objects.
 */
public final class Shadow {
  private final Program candidate;
  private final Comparison comparison;

  /**
   * @param comparison goes on counting
   */
  public Shadow(Program candidate, Comparison comparison) {
    this.candidate = candidate;
    this.comparison = comparison;
  }

  public Program candidate() {
    return candidate;
  }

  public Comparison comparison() {
    return comparison;
  }

  /**
   * Runs the candidate.
   *
   * @param link the program beside which it runs, which has run
   * @param before what was selected before that
   * @param passed whether that one passed
   * @param after what was selected then
   */
  void run(
      ProgramChain.Link link,
      LookupContext context,
      @Nullable Socket before,
      boolean noReuseport,
      boolean passed,
      @Nullable Socket after) {
    context.shadow(true);
    context.enter(link.name(), before, noReuseport);
    int answer;
    try {
      answer = candidate.run(context);
    } catch (Throwable failure) { // checked ones too: other JVM languages throw them undeclared
      answer = Comparison.FAILED;
    }
    Socket selected = context.socket();
    context.shadow(false);
    comparison.count(context, passed, after, answer, selected);
  }

  /** What was found out so far. */
  public static final class Comparison {
    /** How many differences are kept. */
    public static final int EXAMPLES = 32;

    private static final int FAILED = -1;

    private final LongAdder same = new LongAdder();
    private final LongAdder different = new LongAdder();
    private final LongAdder failed = new LongAdder();
    private final AtomicBoolean isBusy = new AtomicBoolean();
    private final Kept[] kept = new Kept[EXAMPLES]; // the last ones, read and written while busy
    private int keptCount;

    private static final class Kept {
      private final Tuple tuple = new Tuple();
      private boolean passed;
      private @Nullable Socket selected;
      private int answer;
      private @Nullable Socket wouldSelect;
    }

    /** One that has counted nothing. */
    public Comparison() {
      for (int i = 0; i < EXAMPLES; i++) {
        kept[i] = new Kept();
      }
    }

    private void count(
        LookupContext context,
        boolean passed,
        @Nullable Socket selected,
        int answer,
        @Nullable Socket wouldSelect) {
      boolean wouldPass = answer == Program.SK_PASS;
      if (wouldPass == passed && (!passed || wouldSelect == selected) && answer != FAILED) {
        same.increment();
        return;
      }
      different.increment();
      if (!wouldPass && answer != Program.SK_DROP) {
        failed.increment();
      }
      if (isBusy.compareAndSet(false, true)) { // else it isn't kept
        Kept slot = kept[keptCount++ & EXAMPLES - 1];
        context.copyTo(slot.tuple);
        slot.passed = passed;
        slot.selected = selected;
        slot.answer = answer;
        slot.wouldSelect = wouldSelect;
        isBusy.set(false);
      }
    }

    /** Lookups of which it would have decided the same. */
    public long same() {
      return same.sum();
    }

    /** Lookups of which it would have decided something else; also those where it failed. */
    public long different() {
      return different.sum();
    }

    /** Lookups where it threw, or answered neither pass nor drop. */
    public long failed() {
      return failed.sum();
    }

    /**
     * A lookup of which it would have decided something else.
     *
     * @param selected what was selected once the program had passed; null if it dropped
     * @param failed whether it threw, or answered neither pass nor drop
     */
    public record Example(
        Tuple tuple,
        boolean passed,
        @Nullable Socket selected,
        boolean failed,
        boolean wouldPass,
        @Nullable Socket wouldSelect) {}

    /** The last differences, the oldest first. */
    public List<Example> examples() {
      while (!isBusy.compareAndSet(false, true)) {
        Thread.onSpinWait(); // a loop copies one
      }
      try {
        List<Example> examples = new ArrayList<>();
        for (int i = Math.max(0, keptCount - EXAMPLES); i < keptCount; i++) {
          Kept it = kept[i & EXAMPLES - 1];
          boolean wouldPass = it.answer == Program.SK_PASS;
          examples.add(
              new Example(
                  new Tuple().copyFrom(it.tuple),
                  it.passed,
                  it.passed ? it.selected : null,
                  !wouldPass && it.answer != Program.SK_DROP,
                  wouldPass,
                  wouldPass ? it.wouldSelect : null));
        }
        return examples;
      } finally {
        isBusy.set(false);
      }
    }
  }
}
