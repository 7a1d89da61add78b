package io.sluice.config;

import io.sluice.steering.IpAddress;
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
      List.of(
          "name",
          "protocols",
          "addresses",
          "ports",
          "method",
          "strict",
          "except",
          "socketPort",
          "install",
          "fdName",
          "proxyProtocol",
          "allowCapturedSources",
          "perSource");
  private static final List<String> EXCEPT_KEYS = List.of("ports", "addresses");
  private static final Set<Protocol> BOTH = EnumSet.allOf(Protocol.class);
  private static final List<IpPrefix> EVERYWHERE =
      List.of(new IpPrefix(IpAddress.ANY_IPV4, 0), new IpPrefix(IpAddress.ANY_IPV6, 0));
  private static final String METHODS = "bind, sk_lookup, tproxy, redirect, inherited and auto are";

  /** Where the rules of a method hand the traffic, if the file doesn't say. */
  private static final int TPROXY_PORT = 15001;

  private static final int REDIRECT_PORT = 15002;

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
    CaptureSpec.Method method =
        fields.optional(
            "method", CaptureSpec.Method.BIND, value -> value.parse(CaptureSection::method));
    List<Protocol> protocols = protocols(fields, method);
    boolean inherited = method == CaptureSpec.Method.INHERITED;
    List<IpPrefix> addresses =
        inherited && !fields.has("addresses")
            ? EVERYWHERE
            : fields.required("addresses", "[192.0.2.0/24]", value -> all(value, Words::prefix));
    List<PortRange> ports =
        inherited && !fields.has("ports")
            ? List.of(PortRange.ANY)
            : fields.required(
                "ports", "[80, \"9000-9099\"]", value -> all(value, PortRange::parse));
    boolean strict = fields.optional("strict", false, Value::flag);
    CaptureSpec.Options options = options(fields, method);
    Value header = fields.optional("proxyProtocol");
    ProxyProtocolIn proxyProtocol = header == null ? null : ProxyProtocolSection.in(header);
    Value limits = fields.optional(SourceLimitsSection.KEY);
    Protocol only = protocols.size() == 1 ? protocols.getFirst() : null;
    SourceLimits perSource = limits == null ? null : SourceLimitsSection.read(limits, only);
    if (name == null || addresses == null || ports == null) {
      return null;
    }
    return new CaptureSpec(
        name,
        EnumSet.copyOf(protocols),
        addresses,
        ports,
        method,
        strict,
        options,
        proxyProtocol,
        perSource);
  }

  /** Both by default, as far as the method has them. */
  private static List<Protocol> protocols(Fields fields, CaptureSpec.Method method) {
    boolean tcpOnly = method == CaptureSpec.Method.REDIRECT;
    List<Protocol> missing = tcpOnly ? List.of(Protocol.TCP) : List.copyOf(BOTH);
    List<Protocol> protocols =
        fields.optional("protocols", missing, value -> all(value, Words::protocol));
    Value given = fields.optional("protocols");
    if (tcpOnly && given != null && protocols.contains(Protocol.UDP)) {
      given.error(
          "method redirect takes no UDP, as the kernel doesn't tell where a redirected datagram"
              + " wanted to go; use tproxy or sk_lookup");
    }
    return protocols;
  }

  private static CaptureSpec.Options options(Fields fields, CaptureSpec.Method method) {
    boolean rules = method.hasRules();
    boolean inherited = method == CaptureSpec.Method.INHERITED;
    belongs(fields, "except", !inherited, method, "every method but inherited");
    belongs(fields, "socketPort", rules, method, "tproxy and redirect");
    belongs(fields, "install", rules, method, "tproxy and redirect");
    belongs(fields, "fdName", inherited, method, "inherited");
    Value section = fields.optional("except");
    Fields except = section == null ? null : Fields.of(section, EXCEPT_KEYS);
    int socketPort =
        fields.optional("socketPort", defaultPort(method), value -> value.parse(Words::port));
    return new CaptureSpec.Options(
        except == null ? null : exceptPorts(except.optional("ports")),
        except == null
            ? List.of()
            : except.optional("addresses", List.of(), value -> all(value, Words::prefix)),
        socketPort,
        fields.optional("install", false, Value::flag),
        fdName(fields.optional("fdName")),
        fields.optional("allowCapturedSources", false, Value::flag));
  }

  /** The ports of {@code except}; none if it says {@code none}; null if it says nothing. */
  private static @Nullable List<PortRange> exceptPorts(@Nullable Value ports) {
    if (ports == null) {
      return null;
    }
    boolean none = ports.isScalar() && "none".equals(ports.text());
    return none ? List.of() : all(ports, PortRange::parse);
  }

  private static @Nullable String fdName(@Nullable Value name) {
    return name == null ? null : name.parse(Labels::parse);
  }

  private static int defaultPort(CaptureSpec.Method method) {
    return switch (method) {
      case TPROXY -> TPROXY_PORT;
      case REDIRECT -> REDIRECT_PORT;
      case AUTO, BIND, SK_LOOKUP, INHERITED -> 0;
    };
  }

  /** Reports a key that the method has no use for. */
  private static void belongs(
      Fields fields, String key, boolean belongs, CaptureSpec.Method method, String where) {
    Value value = fields.optional(key);
    if (value != null && !belongs) {
      value.error("method " + method.word() + " has no " + key + "; it belongs to " + where);
    }
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
        return method;
      }
    }
    throw new IllegalArgumentException("\"" + text + "\" is no method; " + METHODS);
  }
}
