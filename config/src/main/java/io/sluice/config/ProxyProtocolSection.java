package io.sluice.config;

import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** {@code proxyProtocol}: of a capture, and of a destination. */
final class ProxyProtocolSection {
  private static final List<String> IN_KEYS = List.of("from", "timeout");
  private static final List<String> OUT_KEYS =
      List.of("version", "uniqueId", "crc32c", "tlvs", "passOn", "datagrams");
  private static final List<String> TLV_KEYS = List.of("type", "value");

  /** PP2_TYPE_MIN_CUSTOM to PP2_TYPE_MAX_EXPERIMENT. */
  private static final int MIN_TLV_TYPE = 0xe0;

  private static final int MAX_TLV_TYPE = 0xf7;

  /** In all; far below what a header or a datagram may have. */
  private static final int MAX_TLV_BYTES = 4096;

  private ProxyProtocolSection() {}

  /** Of a capture. */
  static @Nullable ProxyProtocolIn in(Value value) {
    Fields fields = Fields.of(value, IN_KEYS);
    if (fields == null) {
      return null;
    }
    List<IpPrefix> from = fields.required("from", "[10.0.0.0/8]", ProxyProtocolSection::prefixes);
    Duration timeout = fields.optional("timeout", ProxyProtocolIn.TIMEOUT, Value::duration);
    return from == null ? null : new ProxyProtocolIn(from, timeout);
  }

  private static @Nullable List<IpPrefix> prefixes(Value list) {
    List<IpPrefix> prefixes = new ArrayList<>();
    for (Value item : list.oneOrMore()) {
      IpPrefix prefix = item.parse(Words::prefix);
      if (prefix != null) {
        prefixes.add(prefix);
      }
    }
    return prefixes.isEmpty() ? null : prefixes.stream().distinct().toList();
  }

  /** Of a destination. */
  static @Nullable ProxyProtocolOut out(Value value, @Nullable Protocol protocol) {
    if (value.isScalar()) {
      Integer version = value.parse(text -> version(text, protocol));
      return version == null
          ? null
          : new ProxyProtocolOut(version, false, false, List.of(), false, true);
    }
    Fields fields = Fields.of(value, OUT_KEYS);
    if (fields == null) {
      return null;
    }
    Integer version =
        fields.required("version", "v2", it -> it.parse(text -> version(text, protocol)));
    ProxyProtocolOut out =
        new ProxyProtocolOut(
            version == null ? 2 : version,
            fields.optional("uniqueId", false, Value::flag),
            fields.optional("crc32c", false, Value::flag),
            fields.optional("tlvs", List.of(), ProxyProtocolSection::tlvs),
            fields.optional("passOn", false, Value::flag),
            fields.optional(
                "datagrams", true, it -> it.parse(ProxyProtocolSection::everyDatagram)));
    for (String key : List.of("uniqueId", "crc32c", "tlvs", "passOn")) {
      Value given = fields.optional(key);
      if (given != null && out.version() == 1) {
        given.error("version 1 carries addresses only; use v2");
      }
    }
    Value datagrams = fields.optional("datagrams");
    if (datagrams != null && protocol == Protocol.TCP) {
      datagrams.error("a tcp destination has no datagrams; leave it out");
    }
    return out;
  }

  private static Integer version(String text, @Nullable Protocol protocol) {
    return switch (text) {
      case "v1" -> {
        if (protocol == Protocol.UDP) {
          throw new IllegalArgumentException("version 1 is for tcp only; use v2");
        }
        yield 1;
      }
      case "v2" -> 2;
      default ->
          throw new IllegalArgumentException(
              "\"" + text + "\" is no version of the PROXY protocol; v1 and v2 are");
    };
  }

  private static Boolean everyDatagram(String text) {
    return switch (text) {
      case "every" -> true;
      case "first" -> false;
      default -> throw new IllegalArgumentException("\"" + text + "\" is neither every nor first");
    };
  }

  private static List<ProxyProtocolOut.Tlv> tlvs(Value list) {
    List<ProxyProtocolOut.Tlv> tlvs = new ArrayList<>();
    Map<Integer, Value> types = new HashMap<>();
    int bytes = 0;
    for (Value item : list.items()) {
      Fields fields = Fields.of(item, TLV_KEYS);
      if (fields == null) {
        continue;
      }
      Integer type = fields.required("type", "0xE0", it -> it.parse(ProxyProtocolSection::type));
      String value = fields.required("value", "\"text\"", Value::text);
      if (type == null || value == null) {
        continue;
      }
      Value earlier = types.putIfAbsent(type, item);
      if (earlier != null) {
        item.error(
            String.format(
                "the type 0x%02X stands twice, here and at line %d; keep one",
                type, earlier.line()));
      }
      bytes += 3 + value.getBytes(StandardCharsets.UTF_8).length;
      tlvs.add(new ProxyProtocolOut.Tlv(type, value));
    }
    if (bytes > MAX_TLV_BYTES) {
      list.error("the TLVs have " + bytes + " bytes in all; at most " + MAX_TLV_BYTES + " fit");
    }
    return tlvs;
  }

  private static Integer type(String text) {
    int type;
    try {
      type = Integer.decode(text);
    } catch (NumberFormatException _) {
      type = -1;
    }
    if (type < MIN_TLV_TYPE || type > MAX_TLV_TYPE) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is no type of one's own; those are 0xE0–0xF7");
    }
    return type;
  }
}
