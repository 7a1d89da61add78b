package io.sluice.config;

import io.sluice.steering.binding.BindingTable;
import java.util.List;

/**
 * A whole, valid configuration. Immutable.
 *
 * @param capturesDerived whether the file names no way in, so that the captures follow from the
 *     bindings and listeners
 * @param bindings in the file's order, ready for lookups; one without protocol stands here twice
 * @param programs in attach order
 * @param loops event loops; 0 is one per core
 * @param document the layers that it was made of
 */
public record Config(
    List<CaptureSpec> captures,
    boolean capturesDerived,
    BindingTable bindings,
    List<DestinationSpec> destinations,
    List<ProgramSpec> programs,
    List<ListenerSpec> listeners,
    List<Expectation> expectations,
    int loops,
    Limits limits,
    Admin admin,
    Document document) {
  public Config {
    captures = List.copyOf(captures);
    destinations = List.copyOf(destinations);
    programs = List.copyOf(programs);
    listeners = List.copyOf(listeners);
    expectations = List.copyOf(expectations);
  }

  /** A configuration that stands in no file. */
  public Config(
      List<CaptureSpec> captures,
      boolean capturesDerived,
      BindingTable bindings,
      List<DestinationSpec> destinations,
      List<ProgramSpec> programs,
      List<ListenerSpec> listeners,
      List<Expectation> expectations,
      int loops,
      Limits limits,
      Admin admin) {
    this(
        captures,
        capturesDerived,
        bindings,
        destinations,
        programs,
        listeners,
        expectations,
        loops,
        limits,
        admin,
        new Document(List.of()));
  }

  /** The same but for bindings; the other parts are the same objects. */
  Config with(Document next, BindingTable table) {
    return new Config(
        captures,
        capturesDerived,
        table,
        destinations,
        programs,
        listeners,
        expectations,
        loops,
        limits,
        admin,
        next);
  }

  /** Whether it differs from another in its bindings at most, because it was made from it. */
  @SuppressWarnings("ReferenceEquality") // what is equal may have been read anew, as jars are
  public boolean isRebound(Config other) {
    return captures == other.captures
        && destinations == other.destinations
        && programs == other.programs
        && listeners == other.listeners;
  }
}
