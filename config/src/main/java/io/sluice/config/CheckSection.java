package io.sluice.config;

import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/** {@code check} of a destination: one kind of question, and when it is asked. */
final class CheckSection {
  private static final List<String> KINDS = List.of("tcp", "http", "udp", "dns", "quic");
  private static final List<String> KEYS =
      List.of(
          "tcp",
          "http",
          "udp",
          "dns",
          "quic",
          "port",
          "interval",
          "fastInterval",
          "timeout",
          "rise",
          "fall",
          "proxyProtocol");

  private static final Duration INTERVAL = Duration.ofSeconds(2);
  private static final Duration SHORTEST = Duration.ofMillis(50);
  private static final int RISE = 2;
  private static final int FALL = 3;
  private static final int MOST = 1000;
  private static final List<String> RCODES =
      List.of("noerror", "formerr", "servfail", "nxdomain", "notimp", "refused");
  private static final List<String> DNS_TYPES = List.of("A", "NS", "SOA", "TXT", "AAAA");
  private static final List<Integer> DNS_NUMBERS = List.of(1, 2, 6, 16, 28);

  private CheckSection() {}

  static @Nullable CheckSpec read(
      Value value, @Nullable Protocol protocol, @Nullable List<TargetSpec> targets) {
    Fields fields = Fields.of(value, KEYS);
    if (fields == null) {
      return null;
    }
    CheckSpec.Question question = question(fields, protocol);
    int port = fields.optional("port", 0, it -> it.parse(PortRange::parsePort));
    Duration interval = fields.optional("interval", INTERVAL, CheckSection::interval);
    Duration fast = fields.optional("fastInterval", interval, CheckSection::interval);
    Duration timeout = fields.optional("timeout", interval, Value::duration);
    int rise = fields.optional("rise", RISE, it -> it.integer(1, MOST));
    int fall = fields.optional("fall", FALL, it -> it.integer(1, MOST));
    boolean saysLocal = fields.optional("proxyProtocol", port == 0, Value::flag);
    if (question == null) {
      return null;
    }
    CheckSpec check = new CheckSpec(question, port, interval, fast, timeout, rise, fall, saysLocal);
    if (targets != null) {
      targets.forEach(it -> refuseUnaskable(value, check, it.address()));
    }
    return check;
  }

  private static void refuseUnaskable(Value value, CheckSpec check, TargetAddress target) {
    switch (target) {
      case TargetAddress.Original _ ->
          value.error(
              "the target original is another one for each client; leave check out, failing"
                  + " traffic is noticed without");
      case TargetAddress.Unix _ when check.protocol() == Protocol.UDP ->
          value.error("a Unix socket can't be asked by datagrams; use tcp, http or dns over tcp");
      case TargetAddress.Unix _ when check.port() != 0 ->
          value.error("the target " + target + " has no ports; leave port out");
      case TargetAddress.Unix _, TargetAddress.Ip _, TargetAddress.Host _ -> {}
    }
  }

  private static CheckSpec.@Nullable Question question(Fields fields, @Nullable Protocol protocol) {
    List<String> kinds = KINDS.stream().filter(fields::has).toList();
    if (kinds.size() != 1) {
      fields
          .map()
          .error(
              (kinds.isEmpty() ? "says not what is asked" : "has " + String.join(" and ", kinds))
                  + "; write exactly one of "
                  + String.join(", ", KINDS)
                  + ", like tcp: {}");
      return null;
    }
    String kind = kinds.getFirst();
    return fields.required(
        kind,
        "{}",
        value ->
            switch (kind) {
              case "tcp" -> tcp(value);
              case "http" -> http(value);
              case "udp" -> udp(value);
              case "dns" -> dns(value, protocol);
              default -> Fields.of(value, List.of()) == null ? null : new CheckSpec.Quic();
            });
  }

  private static CheckSpec.@Nullable Tcp tcp(Value value) {
    Fields fields = Fields.of(value, List.of("send", "expect"));
    return fields == null
        ? null
        : new CheckSpec.Tcp(fields.optional("send", "", CheckSection::bytes), expect(fields));
  }

  private static CheckSpec.@Nullable Http http(Value value) {
    Fields fields = Fields.of(value, List.of("method", "path", "host", "status", "expect"));
    if (fields == null) {
      return null;
    }
    Value host = fields.optional("host");
    return new CheckSpec.Http(
        fields.optional("method", "GET", it -> it.parse(CheckSection::visible)),
        fields.optional("path", "/", it -> it.parse(CheckSection::path)),
        host == null ? null : host.parse(CheckSection::visible),
        fields.optional(
            "status", List.of(new CheckSpec.Statuses(200, 399)), CheckSection::statuses),
        expect(fields));
  }

  private static CheckSpec.@Nullable Udp udp(Value value) {
    Fields fields = Fields.of(value, List.of("payload", "expect"));
    if (fields == null) {
      return null;
    }
    String payload = fields.required("payload", "\"ping\"", CheckSection::bytes);
    CheckSpec.Expect expect = expect(fields);
    return payload == null ? null : new CheckSpec.Udp(payload, expect);
  }

  private static CheckSpec.@Nullable Dns dns(Value value, @Nullable Protocol protocol) {
    Fields fields = Fields.of(value, List.of("name", "type", "over", "rcode"));
    if (fields == null) {
      return null;
    }
    String name = fields.required("name", "www.example", it -> it.parse(CheckSection::dnsName));
    int type = fields.optional("type", 1, it -> it.parse(CheckSection::dnsType));
    Protocol over =
        fields.optional(
            "over", protocol == null ? Protocol.UDP : protocol, it -> it.parse(Words::protocol));
    List<Integer> rcodes = fields.optional("rcode", List.of(0), CheckSection::rcodes);
    return name == null ? null : new CheckSpec.Dns(name, type, over, rcodes);
  }

  private static List<Integer> rcodes(Value value) {
    List<Integer> codes = new ArrayList<>();
    for (Value item : value.oneOrMore()) {
      Integer code = item.parse(text -> wordIn(RCODES, text.toLowerCase(Locale.ROOT), "rcode"));
      if (code != null) {
        codes.add(code);
      }
    }
    return codes;
  }

  private static Integer dnsType(String text) {
    return DNS_NUMBERS.get(wordIn(DNS_TYPES, text.toUpperCase(Locale.ROOT), "record type"));
  }

  private static int wordIn(List<String> known, String word, String what) {
    int index = known.indexOf(word);
    if (index < 0) {
      throw new IllegalArgumentException(
          "\"" + word + "\" is no " + what + "; known are " + String.join(", ", known));
    }
    return index;
  }

  private static String dnsName(String text) {
    if (text.equals(".")) {
      return text;
    }
    return switch (TargetAddress.parse(text + ":53")) {
      case TargetAddress.Host host -> host.name();
      default -> throw new IllegalArgumentException("\"" + text + "\" is no name to ask for");
    };
  }

  private static @Nullable List<CheckSpec.Statuses> statuses(Value value) {
    List<CheckSpec.Statuses> ranges = new ArrayList<>();
    for (Value item : value.oneOrMore()) {
      CheckSpec.Statuses range = item.parse(CheckSection::status);
      if (range != null) {
        ranges.add(range);
      }
    }
    return ranges.isEmpty() ? null : ranges;
  }

  private static CheckSpec.Statuses status(String text) {
    if (!Pattern.matches("[1-5][0-9][0-9](-[1-5][0-9][0-9])?", text)) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is no status; write one like 200, or several like 200-399");
    }
    int first = Integer.parseInt(text, 0, 3, 10);
    int last = text.length() == 3 ? first : Integer.parseInt(text, 4, 7, 10);
    if (last < first) {
      throw new IllegalArgumentException(text + " is empty; the lower number stands first");
    }
    return new CheckSpec.Statuses(first, last);
  }

  private static String path(String text) {
    if (!text.startsWith("/") && !text.equals("*")) {
      throw new IllegalArgumentException("\"" + text + "\" is no path; it starts with /");
    }
    return visible(text);
  }

  /** Text that can't break out of the line of a request that it stands in. */
  private static String visible(String text) {
    if (text.isEmpty() || !text.chars().allMatch(c -> c > ' ' && c < 127)) {
      throw new IllegalArgumentException(
          "\"" + text + "\" has spaces or characters that are not ASCII; write it without");
    }
    return text;
  }

  private static @Nullable Duration interval(Value value) {
    Duration interval = value.duration();
    if (interval != null && interval.compareTo(SHORTEST) < 0) {
      value.error("is shorter than " + SHORTEST.toMillis() + "ms; a check costs its target work");
      return null;
    }
    return interval;
  }

  private static CheckSpec.@Nullable Expect expect(Fields fields) {
    Value value = fields.optional("expect");
    if (value == null) {
      return null;
    }
    if (value.isScalar()) {
      String bytes = bytes(value);
      return bytes == null ? null : new CheckSpec.Expect.Bytes(bytes);
    }
    Fields either = Fields.of(value, List.of("hex", "regex"));
    if (either == null) {
      return null;
    }
    Value hex = either.optional("hex");
    Value regex = either.optional("regex");
    if ((hex == null) == (regex == null)) {
      value.error("write the text itself, {hex: \"0a0b\"} or {regex: \"^220 \"}");
      return null;
    }
    if (hex != null) {
      String bytes = hex.parse(CheckSection::parseHex);
      return bytes == null ? null : new CheckSpec.Expect.Bytes(bytes);
    }
    String pattern = regex == null ? null : regex.parse(CheckSection::regex);
    return pattern == null ? null : new CheckSpec.Expect.Match(pattern);
  }

  private static String regex(String text) {
    try {
      return Pattern.compile(text).pattern();
    } catch (PatternSyntaxException wrong) {
      throw new IllegalArgumentException(
          "no regular expression: " + wrong.getDescription() + " at " + wrong.getIndex(), wrong);
    }
  }

  /** Text, or {@code {hex: …}}, as one character for each byte; null after a problem. */
  private static @Nullable String bytes(Value value) {
    if (value.isScalar()) {
      String text = value.text();
      return text == null
          ? null
          : new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    }
    Fields fields = Fields.of(value, List.of("hex"));
    return fields == null
        ? null
        : fields.required("hex", "\"0a0b\"", it -> it.parse(CheckSection::parseHex));
  }

  private static String parseHex(String text) {
    try {
      return new String(HexFormat.of().parseHex(text), StandardCharsets.ISO_8859_1);
    } catch (IllegalArgumentException wrong) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is no hexadecimal; write two digits for each byte, like 0a0b", wrong);
    }
  }
}
