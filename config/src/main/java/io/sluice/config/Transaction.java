package io.sluice.config;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is to be changed, in one step or not at all.
 *
 * @param expected the generation that must be in force; null for any
 * @param isDryRun whether it is only checked
 */
public record Transaction(Wish wish, @Nullable Long expected, boolean isDryRun) {
  /** What is wished. */
  public sealed interface Wish {
    /** These changes of one layer, in order. */
    record Edit(String layer, List<Change> changes) implements Wish {
      public Edit {
        changes = List.copyOf(changes);
      }
    }

    /** What a layer's source says now, in place of what it said. */
    record Reread(String layer) implements Wish {}

    /** All layers as they were in a generation. */
    record Rollback(long generation) implements Wish {}
  }

  /** Changes of the runtime layer. */
  public static Transaction of(Change... changes) {
    return new Transaction(new Wish.Edit(Layer.RUNTIME, List.of(changes)), null, false);
  }
}
