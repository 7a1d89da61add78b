package io.sluice.config;

import io.sluice.steering.binding.Binding;
import java.util.List;

/** Everything a file says. */
public record Config(
    List<CaptureSpec> captures,
    boolean capturesDerived,
    List<Binding> bindings,
    List<DestinationSpec> destinations,
    List<ProgramSpec> programs,
    List<ListenerSpec> listeners,
    List<Expectation> expectations,
    int loops,
    Limits limits,
    Admin admin) {}
