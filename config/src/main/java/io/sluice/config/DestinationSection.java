package io.sluice.config;

import io.sluice.steering.Protocol;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
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
          "payload",
          "quic",
          "program",
          "affinity",
          "framing",
          "maxMessage",
          "parserTimeout",
          "connectTimeout",
          "idleTimeout",
          "retries",
          "maxConnections",
          "source",
          "proxyProtocol",
          "keepalive",
          "responses",
          "check",
          "passive",
          "onDown",
          "slowStart",
          "panic",
          "offload",
          "perSource",
          "bandwidth",
          "queue");
  private static final List<String> TARGET_KEYS =
      List.of("address", "name", "weight", "serverId", "state", "backup", "maxConnections");

  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration TCP_IDLE_TIMEOUT = Duration.ofHours(1);
  private static final Duration UDP_IDLE_TIMEOUT = Duration.ofSeconds(60);
  private static final int RETRIES = 2;
  private static final int MAX_RETRIES = 100;
  static final int MAX_WEIGHT = 1000;
  private static final int MAX_CONNECTIONS = 10_000_000;
  private static final int MAX_RESPONSES = 1000;

  private DestinationSection() {}

  /** Reads it; each destination stands where it says whether it is offloaded. */
  static List<Located<DestinationSpec>> read(Value section, Labels labels) {
    List<Located<DestinationSpec>> destinations = new ArrayList<>();
    for (Value item : section.items()) {
      Fields fields = Fields.of(item, KEYS);
      if (fields == null) {
        labels.declare(null, null, item);
        continue;
      }
      DestinationSpec destination = destination(fields, labels);
      if (destination != null) {
        Value offload = fields.optional("offload");
        destinations.add(new Located<>(destination, offload == null ? item : offload));
      }
    }
    return destinations;
  }

  private static @Nullable DestinationSpec destination(Fields fields, Labels labels) {
    String label = fields.required("label", "web", value -> value.parse(Labels::parse));
    Protocol protocol = fields.required("protocol", "tcp", value -> value.parse(Words::protocol));
    labels.declare(label, protocol, fields.map());
    String select = SelectionSection.word(fields);
    Selection selection = SelectionSection.read(fields, select);
    Selection.ServerId serverId = selection instanceof Selection.Quic quic ? quic.serverId() : null;
    List<TargetSpec> targets =
        fields.required(
            "targets", "[\"127.0.0.1:8081\"]", value -> targets(value, protocol, serverId));
    Value selectValue = fields.optional("select");
    if (selectValue != null && "quic".equals(select) && protocol == Protocol.TCP) {
      selectValue.error("select quic is for udp; use hash");
    }
    DestinationSpec.Affinity affinity =
        fields.optional(
            "affinity",
            DestinationSpec.Affinity.of(protocol == null ? Protocol.TCP : protocol),
            value -> affinity(value, protocol));
    MessageSpec messages =
        FramingSection.read(fields, affinity == DestinationSpec.Affinity.MESSAGE, select);
    Duration connectTimeout = fields.optional("connectTimeout", CONNECT_TIMEOUT, Value::duration);
    Duration idleTimeout =
        fields.optional(
            "idleTimeout",
            protocol == Protocol.UDP ? UDP_IDLE_TIMEOUT : TCP_IDLE_TIMEOUT,
            Value::duration);
    int retries = fields.optional("retries", RETRIES, value -> value.integer(0, MAX_RETRIES));
    int maxConnections =
        fields.optional("maxConnections", 0, value -> value.integer(0, MAX_CONNECTIONS));
    SourceSpec source = fields.optional("source", SourceSpec.KERNEL, SourceSection::read);
    Value sourceValue = fields.optional("source");
    if (sourceValue != null && targets != null) {
      SourceSection.check(sourceValue, source, targets);
    }
    Value header = fields.optional("proxyProtocol");
    ProxyProtocolOut proxyProtocol =
        header == null ? null : ProxyProtocolSection.out(header, protocol);
    Keepalive keepalive = KeepaliveSection.read(fields, protocol != Protocol.UDP);
    int responses = fields.optional("responses", 0, it -> responses(it, protocol, selection));
    HealthSpec health = HealthSection.read(fields, protocol, targets);
    if (affinity == DestinationSpec.Affinity.MESSAGE && isBounded(targets)) {
      fields.map().error("affinity message goes with maxConnections of the destination only");
    }
    OffloadSpec.Mode offload =
        fields.optional(
            "offload", OffloadSpec.Mode.OFF, value -> value.parse(OffloadSpec.Mode::parse));
    if (label == null || protocol == null || targets == null || selection == null) {
      return null;
    }
    return new DestinationSpec(
        label,
        protocol,
        targets,
        selection,
        connectTimeout,
        idleTimeout,
        retries,
        maxConnections,
        affinity,
        messages,
        source,
        proxyProtocol,
        keepalive,
        responses,
        health,
        offload == OffloadSpec.Mode.OFF
            ? OffloadSpec.OFF
            : new OffloadSpec(offload, fields.has("idleTimeout")),
        DestinationLimits.read(fields, protocol));
  }

  private static boolean isBounded(@Nullable List<TargetSpec> targets) {
    return targets != null && targets.stream().anyMatch(it -> it.maxConnections() > 0);
  }

  private static @Nullable Integer responses(
      Value value, @Nullable Protocol protocol, @Nullable Selection selection) {
    if (protocol == Protocol.TCP) {
      value.error("responses is for udp; a TCP connection says itself when it ends");
    }
    if (selection instanceof Selection.Quic) {
      value.error("a QUIC connection has no fixed number of answers; leave responses out");
    }
    return value.integer(1, MAX_RESPONSES);
  }

  private static DestinationSpec.@Nullable Affinity affinity(
      Value value, @Nullable Protocol protocol) {
    DestinationSpec.Affinity affinity = value.parse(DestinationSection::parseAffinity);
    if (affinity == null || protocol == null) {
      return affinity;
    }
    boolean isOfTcp =
        switch (affinity) {
          case CONNECTION, MESSAGE -> true;
          case FLOW, DATAGRAM -> false;
        };
    if (isOfTcp != (protocol == Protocol.TCP)) {
      value.error(
          "affinity "
              + affinity.word()
              + " is not for "
              + protocol.word()
              + (isOfTcp ? "; use flow or datagram" : "; use connection or message"));
      return null;
    }
    return affinity;
  }

  private static DestinationSpec.Affinity parseAffinity(String text) {
    for (DestinationSpec.Affinity affinity : DestinationSpec.Affinity.values()) {
      if (affinity.word().equals(text)) {
        return affinity;
      }
    }
    throw new IllegalArgumentException(
        "\""
            + text
            + "\" is no affinity; connection and message are for tcp, flow and datagram for udp");
  }

  private static @Nullable List<TargetSpec> targets(
      Value list, @Nullable Protocol protocol, Selection.@Nullable ServerId serverId) {
    List<TargetSpec> targets = new ArrayList<>();
    Map<TargetAddress, Value> seen = new HashMap<>();
    Map<String, Value> seenIds = new HashMap<>();
    Map<String, Value> seenNames = new HashMap<>();
    for (Value item : list.oneOrMore()) {
      TargetSpec target = target(item, protocol, serverId);
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
      refuseSame(item, "serverId", target.serverId(), seenIds);
      refuseSame(item, "name", target.name(), seenNames);
    }
    if (!targets.isEmpty() && targets.stream().allMatch(target -> target.share() == 0)) {
      list.warning("every target has weight 0, or isn't ready, so that none is ever chosen");
    }
    if (!targets.isEmpty() && targets.stream().allMatch(TargetSpec::isBackup)) {
      list.error("every target is a backup; leave backup out of those that serve at first");
    }
    return targets.isEmpty() ? null : targets;
  }

  private static void refuseSame(
      Value item, String key, @Nullable String text, Map<String, Value> seen) {
    Value earlier = text == null ? null : seen.putIfAbsent(text, item);
    if (earlier != null) {
      item.error("its " + key + " is also that of the target at line " + earlier.line());
    }
  }

  private static @Nullable TargetSpec target(
      Value item, @Nullable Protocol protocol, Selection.@Nullable ServerId serverId) {
    if (item.isScalar()) {
      TargetAddress address = address(item, protocol);
      if (serverId != null) {
        item.error("its serverId is missing; write it like {address: …, serverId: \"0a\"}");
      }
      return address == null ? null : new TargetSpec(address, 1);
    }
    Fields fields = Fields.of(item, TARGET_KEYS);
    if (fields == null) {
      return null;
    }
    TargetAddress address =
        fields.required("address", "\"127.0.0.1:8081\"", value -> address(value, protocol));
    Value nameValue = fields.optional("name");
    String name = nameValue == null ? null : nameValue.parse(Labels::parse);
    int weight = fields.optional("weight", 1, value -> value.integer(0, MAX_WEIGHT));
    TargetSpec.State state =
        fields.optional(
            "state", TargetSpec.State.READY, it -> it.parse(DestinationSection::parseState));
    String id = null;
    if (serverId != null) {
      id =
          fields.required(
              "serverId", "\"0a\"", it -> it.parse(text -> parseId(text, serverId.length())));
    } else {
      Value idle = fields.optional("serverId");
      if (idle != null) {
        idle.error("nothing looks at it without quic: {serverId: …}");
      }
    }
    boolean isBackup = fields.optional("backup", false, Value::flag);
    int maxConnections =
        fields.optional("maxConnections", 0, value -> value.integer(0, MAX_CONNECTIONS));
    Value bound = fields.optional("maxConnections");
    if (bound != null && protocol == Protocol.UDP) {
      bound.error("maxConnections of a target is for tcp; set it for the destination");
    }
    return address == null
        ? null
        : new TargetSpec(address, weight, id, name, state, isBackup, maxConnections);
  }

  private static TargetSpec.State parseState(String text) {
    for (TargetSpec.State state : TargetSpec.State.values()) {
      if (state.word().equals(text)) {
        return state;
      }
    }
    throw new IllegalArgumentException("\"" + text + "\" is no state; ready, drain and maint are");
  }

  private static String parseId(String text, int length) {
    boolean hex = text.chars().allMatch(c -> c < 128 && Character.digit(c, 16) >= 0);
    if (!hex || text.length() != 2 * length) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is no server ID; one has " + 2 * length + " hexadecimal digits here");
    }
    return text.toLowerCase(Locale.ROOT);
  }

  private static @Nullable TargetAddress address(Value value, @Nullable Protocol protocol) {
    TargetAddress address = value.parse(TargetAddress::parse);
    if (protocol == Protocol.UDP && address instanceof TargetAddress.Unix) {
      value.error("a udp destination can't lead to a Unix socket; write host:port");
      return null;
    }
    return address;
  }
}
