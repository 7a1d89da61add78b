package io.sluice.proxy.admin;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.Lookup;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.name.Resolver;
import io.sluice.steering.Payload;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
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

  @Test
  void whatIsInThePayloadDecidesOnceItIsSaid() {
    String two = "select: payload, payload: {length: 1}, " + TARGETS;
    Set<String> seen = new HashSet<>();
    for (byte first = 0; first < 16; first++) {
      Explanation explanation = explain(two, Payload.of(first));
      assertThat(explanation.group()).isEqualTo("2 targets, payload → " + explanation.target());
      seen.add(String.valueOf(explanation.target()));
    }
    assertThat(seen).containsExactlyInAnyOrder("127.0.0.1:1", "127.0.0.1:2");
  }

  @Test
  void eachThingIsNamedWithItsPlace() {
    Explanation explanation = explain(TARGETS);
    assertThat(explanation.place()).isEqualTo("test:5:16");
    assertThat(explanation.toText()).contains("only match   [test:4:12]").contains("[test:5:16]");
  }

  private static Explanation explain(String keys) {
    return explain(keys, null);
  }

  private static Explanation explain(String keys, @Nullable Payload payload) {
    String yaml =
        """
        bindings: [{label: it, protocol: udp, prefix: 127.0.3.0/24, port: 53}]
        destinations: [{label: it, protocol: udp, %s}]
        """
            .formatted(keys);
    try (Resolver resolver = Resolver.offline()) {
      return Explanation.of(
          Lookup.parse("udp 127.0.0.1:5000 127.0.3.1:53"),
          payload,
          TestDaemon.snapshot(TestDaemon.config(yaml), null, resolver));
    }
  }
}
