package io.sluice.config;

import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** {@code capture}: how traffic gets in. */
final class CaptureSection {
  private static final List<String> KEYS =
      List.of("name", "protocols", "addresses", "ports", "method", "strict", "proxyProtocol");
  private static final Set<Protocol> BOTH = EnumSet.allOf(Protocol.class);

  private CaptureSection() {}

  static List<Located<CaptureSpec>> read(Value section) {
    List<Located<CaptureSpec>> captures = new ArrayList<>();
    Map<String, Value> names = new HashMap<>();
    for (Value item : section.items()) {
      Fields fields = Fields.of(item, KEYS);
      if (fields != null) {
        CaptureSpec capture = capture(fields, names);
        if (capture != null) {
          captures.add(new Located<>(capture, item));
        }
      }
    }
    return captures;
  }

  private static @Nullable CaptureSpec capture(Fields fields, Map<String, Value> names) {
    String name = fields.required("name", "edge", value -> uniqueName(value, names));
    List<Protocol> protocols =
        fields.optional("protocols", List.copyOf(BOTH), value -> all(value, Words::protocol));
    List<IpPrefix> addresses =
        fields.required("addresses", "[192.0.2.0/24]", value -> all(value, Words::prefix));
    List<PortRange> ports =
        fields.required("ports", "[80, \"9000-9099\"]", value -> all(value, PortRange::parse));
    CaptureSpec.Method method =
        fields.optional(
            "method", CaptureSpec.Method.BIND, value -> value.parse(CaptureSection::method));
    boolean strict = fields.optional("strict", false, Value::flag);
    Value header = fields.optional("proxyProtocol");
    ProxyProtocolIn proxyProtocol = header == null ? null : ProxyProtocolSection.in(header);
    if (name == null || addresses == null || ports == null) {
      return null;
    }
    return new CaptureSpec(
        name, EnumSet.copyOf(protocols), addresses, ports, method, strict, proxyProtocol);
  }

  /** A name that no earlier item of the section has; null after a problem. */
  static @Nullable String uniqueName(Value value, Map<String, Value> names) {
    String name = value.parse(Labels::parse);
    if (name == null) {
      return null;
    }
    Value earlier = names.putIfAbsent(name, value);
    if (earlier != null) {
      value.error(
          "the name '"
              + name
              + "' stands twice, here and at line "
              + earlier.line()
              + "; rename one");
    }
    return name;
  }

  /** The items without repetition; null after a problem. */
  private static <T> @Nullable List<T> all(Value list, Function<String, T> parser) {
    List<T> all = new ArrayList<>();
    List<Value> items = list.oneOrMore();
    for (Value item : items) {
      T parsed = item.parse(parser);
      if (parsed != null) {
        all.add(parsed);
      }
    }
    return all.isEmpty() || all.size() < items.size() ? null : all.stream().distinct().toList();
  }

  private static CaptureSpec.Method method(String text) {
    for (CaptureSpec.Method method : CaptureSpec.Method.values()) {
      if (method.word().equals(text)) {
        if (method != CaptureSpec.Method.BIND) {
          throw new IllegalArgumentException(
              "method " + text + " is not available in this version; use bind");
        }
        return method;
      }
    }
    throw new IllegalArgumentException("\"" + text + "\" is no method; use bind");
  }
}
