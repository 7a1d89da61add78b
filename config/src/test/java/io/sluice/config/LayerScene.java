package io.sluice.config;

import java.util.List;
import java.util.Map;

/** A file with two destinations, and changes of the layer above it. */
final class LayerScene {
  static final String WEB =
      """
      version: 1
      capture: [{name: edge, addresses: [127.0.0.0/8], ports: any, method: sk_lookup}]
      bindings:
        - {label: web, protocol: tcp, prefix: 127.0.1.0/24, port: 80}
        - {label: l7, protocol: tcp, prefix: 127.0.2.1/32, port: any}
      destinations:
        - {label: web, protocol: tcp, targets: ["127.0.0.1:8081", "127.0.0.1:8082"]}
        - {label: l7, protocol: tcp, targets: ["unix:/run/l7.sock"]}
      """;

  /** A listener to {@code l7}, made at run time. */
  static final Change LISTENER =
      new Change.Put(
          Change.Kind.LISTENER, "{protocol: tcp, address: 127.0.0.9, port: 80, destination: l7}");

  private LayerScene() {}

  static Loaded load(String yaml) throws ConfigException {
    return ConfigReader.load("sluice.yaml", yaml, Map.of());
  }

  static Loaded edit(Config before, Change... changes) throws ConfigException {
    return ConfigReader.edit(before, Layer.RUNTIME, List.of(changes));
  }

  static Change.Bind bind(String label, String protocol, String prefix, String port) {
    return new Change.Bind(label, protocol, prefix, port);
  }

  static Change.Register register(String label, String address) {
    return new Change.Register(label, null, address, null);
  }

  static List<String> targets(Config config, String label) {
    return config.destinations().stream()
        .filter(it -> it.label().equals(label))
        .flatMap(it -> it.targets().stream())
        .map(it -> it.address() + "*" + it.share())
        .toList();
  }

  static List<String> bindings(Config config) {
    return config.bindings().asList().stream()
        .map(it -> it.protocol().word() + " " + it.match() + " → " + it.label())
        .sorted()
        .toList();
  }
}
