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
    Admin admin) {
  public Config {
    captures = List.copyOf(captures);
    destinations = List.copyOf(destinations);
    programs = List.copyOf(programs);
    listeners = List.copyOf(listeners);
    expectations = List.copyOf(expectations);
  }
}
