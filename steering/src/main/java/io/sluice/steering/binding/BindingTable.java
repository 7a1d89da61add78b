package io.sluice.steering.binding;

import java.util.List;

/** Stub. */
public final class BindingTable {
  final List<Binding> bindings;

  private BindingTable(List<Binding> bindings) {
    this.bindings = bindings;
  }

  public static BindingTable of(List<Binding> bindings) {
    return new BindingTable(bindings);
  }
}
