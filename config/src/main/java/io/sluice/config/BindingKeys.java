package io.sluice.config;

import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a binding is known by: {@code tcp 192.0.2.0/24:80}, {@code udp 2001:db8::/32:any}. */
final class BindingKeys {
  private BindingKeys() {}

  /**
   * The bindings, with no label, that a text names: two if it names no protocol.
   *
   * @throws IllegalArgumentException if it names none; the message says what would be right
   */
  static List<Binding> parse(String text) {
    int space = text.indexOf(' ');
    String match = text.substring(space + 1);
    int colon = match.lastIndexOf(':');
    if (colon < 0 || match.indexOf('/') > colon) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is no binding; write it like \"tcp 192.0.2.0/24:80\"");
    }
    return of(
        space < 0 ? null : text.substring(0, space),
        match.substring(0, colon),
        match.substring(colon + 1));
  }

  /**
   * The same of its parts.
   *
   * @param protocol null is both
   * @param port tubular's 0 is any
   */
  static List<Binding> of(@Nullable String protocol, String prefix, String port) {
    Set<Protocol> protocols =
        protocol == null ? EnumSet.allOf(Protocol.class) : EnumSet.of(Words.protocol(protocol));
    IpPrefix parsed = Words.prefix(prefix);
    PortRange ports = port.equals("0") ? PortRange.ANY : Words.portOrAny(port);
    int number = ports.equals(PortRange.ANY) ? Binding.ANY_PORT : ports.first();
    List<Binding> keys = new ArrayList<>();
    protocols.forEach(it -> keys.add(new Binding(Layer.AWAY, it, parsed, number)));
    return keys;
  }

  static String text(Binding binding) {
    return binding.protocol().word() + " " + binding.match();
  }
}
