package io.sluice.config;

import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** {@code listeners}: the ordinary sockets behind a pass. */
final class ListenerSection {
  private static final List<String> KEYS = List.of("protocol", "address", "port", "destination");
  private static final Set<Protocol> NEITHER = EnumSet.noneOf(Protocol.class);

  private ListenerSection() {}

  private record Bound(Protocol protocol, IpAddress address, int port) {}

  static List<Located<ListenerSpec>> read(Value section, Labels labels) {
    List<Located<ListenerSpec>> listeners = new ArrayList<>();
    Map<Bound, Value> seen = new HashMap<>();
    for (Value item : section.items()) {
      Fields fields = Fields.of(item, KEYS);
      if (fields == null) {
        labels.use(null, null, NEITHER);
        continue;
      }
      ListenerSpec listener = listener(fields, labels);
      if (listener == null) {
        continue;
      }
      listeners.add(new Located<>(listener, item));
      Value earlier =
          seen.putIfAbsent(
              new Bound(listener.protocol(), listener.address(), listener.port()), item);
      if (earlier != null) {
        item.error(
            listener.protocol().word()
                + " "
                + IpAddress.withPort(listener.address(), listener.port())
                + " is listened on twice, here and at line "
                + earlier.line()
                + "; remove one");
      }
    }
    return listeners;
  }

  private static @Nullable ListenerSpec listener(Fields fields, Labels labels) {
    Protocol protocol = fields.required("protocol", "tcp", value -> value.parse(Words::protocol));
    IpAddress address = fields.required("address", "0.0.0.0", value -> value.parse(Words::address));
    Integer port = fields.required("port", "80", value -> value.parse(Words::port));
    String label = fields.required("destination", "web", value -> value.parse(Labels::parse));
    labels.use(
        fields.optional("destination"), label, protocol == null ? NEITHER : EnumSet.of(protocol));
    if (protocol == null || address == null || port == null || label == null) {
      return null;
    }
    return new ListenerSpec(protocol, address, port, label);
  }
}
