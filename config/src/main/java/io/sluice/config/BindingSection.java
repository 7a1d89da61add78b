package io.sluice.config;

import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** {@code bindings}: which traffic has which label. */
final class BindingSection {
  private static final List<String> KEYS = List.of("label", "protocol", "prefix", "port");
  private static final Set<Protocol> BOTH = EnumSet.allOf(Protocol.class);
  private static final Set<Protocol> NEITHER = EnumSet.noneOf(Protocol.class);

  private final Labels labels;
  private final boolean derivesCapture;
  private final List<Located<Binding>> bindings = new ArrayList<>();
  private final Map<Match, Value> seen = new HashMap<>();

  private record Match(Protocol protocol, IpPrefix prefix, int port) {}

  private BindingSection(Labels labels, boolean derivesCapture) {
    this.labels = labels;
    this.derivesCapture = derivesCapture;
  }

  /**
   * Reads all bindings; one without protocol is two.
   *
   * @param derivesCapture whether there is no {@code capture}, so that a binding must say its port
   */
  static List<Located<Binding>> read(Value section, Labels labels, boolean derivesCapture) {
    BindingSection reader = new BindingSection(labels, derivesCapture);
    for (Value item : section.items()) {
      Fields fields = Fields.of(item, KEYS);
      if (fields == null) {
        labels.use(null, null, NEITHER);
      } else {
        reader.binding(fields);
      }
    }
    return reader.bindings;
  }

  private void binding(Fields fields) {
    String label = fields.required("label", "web", value -> value.parse(Labels::parse));
    Set<Protocol> protocols = protocols(fields);
    IpPrefix prefix =
        fields.required("prefix", "192.0.2.0/24", value -> value.parse(Words::prefix));
    PortRange ports = fields.required("port", "80 (or any)", this::port);
    labels.use(fields.optional("label"), label, protocols);
    if (label == null || prefix == null || ports == null) {
      return;
    }
    int port = ports.equals(PortRange.ANY) ? Binding.ANY_PORT : ports.first();
    Value earlier = null;
    for (Protocol protocol : protocols) {
      Value same = seen.putIfAbsent(new Match(protocol, prefix, port), fields.map());
      earlier = earlier == null ? same : earlier;
      bindings.add(new Located<>(new Binding(label, protocol, prefix, port), fields.map()));
    }
    if (earlier != null) {
      fields
          .map()
          .error(
              new Binding(label, Protocol.TCP, prefix, port).match()
                  + " is bound twice, here and at line "
                  + earlier.line()
                  + "; remove one");
    }
  }

  private @Nullable PortRange port(Value value) {
    PortRange ports = value.parse(Words::portOrAny);
    if (derivesCapture && PortRange.ANY.equals(ports)) {
      value.error(
          "port any needs a capture that brings every port in; add one, like"
              + " capture: [{name: edge, addresses: [192.0.2.1], ports: any, method: sk_lookup}]");
      return null;
    }
    return ports;
  }

  /** Both if there is no protocol; none after a problem. */
  static Set<Protocol> protocols(Fields fields) {
    Value value = fields.optional("protocol");
    if (value == null) {
      return fields.isExcused("protocol") ? NEITHER : BOTH;
    }
    Protocol protocol = value.parse(Words::protocol);
    return protocol == null ? NEITHER : EnumSet.of(protocol);
  }
}
