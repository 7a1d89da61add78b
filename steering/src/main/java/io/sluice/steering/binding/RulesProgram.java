package io.sluice.steering.binding;

import io.sluice.steering.*;
import io.sluice.steering.map.SockMap;
import java.util.List;
import java.util.function.ToIntBiFunction;

/** Stub. */
public final class RulesProgram implements Program {
  public static RulesProgram of(List<Rule> r, SockMap s, ToIntBiFunction<String, Protocol> f) {
    return new RulesProgram();
  }

  @Override
  public int run(LookupContext c) {
    return SK_PASS;
  }
}
