package io.sluice.proxy.admin;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.Lookup;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.name.Resolver;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExplanationTest {
  private static final String TARGETS = "targets: [\"127.0.0.1:1\", \"127.0.0.1:2\"]";

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      nullValues = "-",
      textBlock =
          """
          select: payload, payload: {length: 4}        | 2 targets, payload: by the payload, known when it comes
          select: quic, quic: {connectionIdLength: 8}  | 2 targets, quic: by the payload, known when it comes
          select: round-robin                          | 2 targets, round-robin: known when it comes
          """)
  void whatDoesNotFollowFromTheLookupAloneIsSaid(String select, String group) {
    Explanation explanation = explain(TARGETS + ", " + select);
    assertThat(explanation.group()).isEqualTo(group);
    assertThat(explanation.target()).isNull();
    assertThat(explanation.verdict()).isEqualTo("assign");
    assertThat(explanation.label()).isEqualTo("it");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          targets: ["127.0.0.1:1"], select: payload, payload: {length: 4} | 1 target → 127.0.0.1:1
          targets: ["127.0.0.1:1"], affinity: datagram                    | 1 target → 127.0.0.1:1
          """)
  void ofOneTargetThereIsNothingToSelect(String keys, String group) {
    assertThat(explain(keys).group()).isEqualTo(group);
  }

  private static Explanation explain(String keys) {
    String yaml =
        """
        bindings: [{label: it, protocol: udp, prefix: 127.0.3.0/24, port: 53}]
        destinations: [{label: it, protocol: udp, %s}]
        """
            .formatted(keys);
    try (Resolver resolver = Resolver.offline()) {
      return Explanation.of(
          Lookup.parse("udp 127.0.0.1:5000 127.0.3.1:53"),
          TestDaemon.snapshot(TestDaemon.config(yaml), null, resolver));
    }
  }
}
