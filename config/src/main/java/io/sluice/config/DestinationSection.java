package io.sluice.config;

import io.sluice.steering.Protocol;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** {@code destinations}: what the labels stand for. */
final class DestinationSection {
  private static final List<String> KEYS =
      List.of(
          "label",
          "protocol",
          "targets",
          "select",
          "connectTimeout",
          "idleTimeout",
          "retries",
          "maxConnections",
          "proxyProtocol");
  private static final List<String> TARGET_KEYS = List.of("address", "weight");
  private static final String SELECTS = "hash, source, round-robin or least-connections";

  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration TCP_IDLE_TIMEOUT = Duration.ofHours(1);
  private static final Duration UDP_IDLE_TIMEOUT = Duration.ofSeconds(60);
  private static final int RETRIES = 2;
  private static final int MAX_RETRIES = 100;
  private static final int MAX_WEIGHT = 1000;
  private static final int MAX_CONNECTIONS = 10_000_000;

  private DestinationSection() {}

  static List<DestinationSpec> read(Value section, Labels labels) {
    List<DestinationSpec> destinations = new ArrayList<>();
    for (Value item : section.items()) {
      Fields fields = Fields.of(item, KEYS);
      if (fields == null) {
        labels.declare(null, null, item);
        continue;
      }
      DestinationSpec destination = destination(fields, labels);
      if (destination != null) {
        destinations.add(destination);
      }
    }
    return destinations;
  }

  private static @Nullable DestinationSpec destination(Fields fields, Labels labels) {
    String label = fields.required("label", "web", value -> value.parse(Labels::parse));
    Protocol protocol = fields.required("protocol", "tcp", value -> value.parse(Words::protocol));
    labels.declare(label, protocol, fields.map());
    List<TargetSpec> targets =
        fields.required("targets", "[\"127.0.0.1:8081\"]", value -> targets(value, protocol));
    DestinationSpec.Select select =
        fields.optional(
            "select",
            DestinationSpec.Select.HASH,
            value -> value.parse(DestinationSection::parseSelect));
    Duration connectTimeout = fields.optional("connectTimeout", CONNECT_TIMEOUT, Value::duration);
    Duration idleTimeout =
        fields.optional(
            "idleTimeout",
            protocol == Protocol.UDP ? UDP_IDLE_TIMEOUT : TCP_IDLE_TIMEOUT,
            Value::duration);
    int retries = fields.optional("retries", RETRIES, value -> value.integer(0, MAX_RETRIES));
    int maxConnections =
        fields.optional("maxConnections", 0, value -> value.integer(0, MAX_CONNECTIONS));
    Value header = fields.optional("proxyProtocol");
    ProxyProtocolOut proxyProtocol =
        header == null ? null : ProxyProtocolSection.out(header, protocol);
    if (label == null || protocol == null || targets == null) {
      return null;
    }
    return new DestinationSpec(
        label,
        protocol,
        targets,
        select,
        connectTimeout,
        idleTimeout,
        retries,
        maxConnections,
        proxyProtocol);
  }

  private static @Nullable List<TargetSpec> targets(Value list, @Nullable Protocol protocol) {
    List<TargetSpec> targets = new ArrayList<>();
    Map<TargetAddress, Value> seen = new HashMap<>();
    for (Value item : list.oneOrMore()) {
      TargetSpec target = target(item, protocol);
      if (target == null) {
        continue;
      }
      targets.add(target);
      Value earlier = seen.putIfAbsent(target.address(), item);
      if (earlier != null) {
        item.error(
            "the target "
                + target.address()
                + " stands twice, here and at line "
                + earlier.line()
                + "; give one a weight instead");
      }
    }
    if (!targets.isEmpty() && targets.stream().allMatch(target -> target.weight() == 0)) {
      list.warning("every target has weight 0, so that none is ever chosen");
    }
    return targets.isEmpty() ? null : targets;
  }

  private static @Nullable TargetSpec target(Value item, @Nullable Protocol protocol) {
    if (item.isScalar()) {
      TargetAddress address = address(item, protocol);
      return address == null ? null : new TargetSpec(address, 1);
    }
    Fields fields = Fields.of(item, TARGET_KEYS);
    if (fields == null) {
      return null;
    }
    TargetAddress address =
        fields.required("address", "\"127.0.0.1:8081\"", value -> address(value, protocol));
    int weight = fields.optional("weight", 1, value -> value.integer(0, MAX_WEIGHT));
    return address == null ? null : new TargetSpec(address, weight);
  }

  private static @Nullable TargetAddress address(Value value, @Nullable Protocol protocol) {
    TargetAddress address = value.parse(TargetAddress::parse);
    if (protocol == Protocol.UDP && address instanceof TargetAddress.Unix) {
      value.error("a udp destination can't lead to a Unix socket; write host:port");
      return null;
    }
    return address;
  }

  private static DestinationSpec.Select parseSelect(String text) {
    for (DestinationSpec.Select select : DestinationSpec.Select.values()) {
      if (select.word().equals(text)) {
        return select;
      }
    }
    throw new IllegalArgumentException(
        text.equals("payload") || text.equals("program")
            ? "select " + text + " is not available in this version; use " + SELECTS
            : "\"" + text + "\" is no way to select; use " + SELECTS);
  }
}
