package io.sluice.steering.binding;

import io.sluice.steering.*;
import io.sluice.steering.map.SockMap;
import java.util.function.ToIntBiFunction;

/** Stub. */
public final class BindingsProgram implements Program {
  private final BindingTable t;
  private final SockMap s;
  private final ToIntBiFunction<String, Protocol> f;

  private BindingsProgram(BindingTable t, SockMap s, ToIntBiFunction<String, Protocol> f) {
    this.t = t;
    this.s = s;
    this.f = f;
  }

  public static BindingsProgram of(BindingTable t, SockMap s, ToIntBiFunction<String, Protocol> f) {
    return new BindingsProgram(t, s, f);
  }

  @Override
  public int run(LookupContext c) {
    for (Binding b : t.bindings)
      if (b.protocol() == c.protocol()
          && b.prefix().contains(c.family(), c.localHigh(), c.localLow())
          && (b.port() == 0 || b.port() == c.localPort())) {
        var x = s.lookup(f.applyAsInt(b.label(), b.protocol()));
        if (x == null) return SK_DROP;
        int _ = c.assign(x, 0);
        return SK_PASS;
      }
    return SK_PASS;
  }
}
