package io.sluice.config;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a file says of destinations is what is read. */
class DestinationSectionTest {
  @Test
  void everyKeyOfADestinationIsRead() throws Exception {
    Config config =
        read(
            """
            destinations:
              - label: web
                protocol: tcp
                targets: ["[::1]:80", "web.internal:8080", original]
                select: round-robin
                connectTimeout: 250ms
                idleTimeout: 1d
                retries: 0
                maxConnections: 10
                source: [192.0.2.0/28, "2001:db8::1"]
            """);

    assertThat(config.destinations())
        .containsExactly(
            new DestinationSpec(
                "web",
                Protocol.TCP,
                List.of(
                    target("[::1]:80", 1), target("web.internal:8080", 1), target("original", 1)),
                new Selection.RoundRobin(),
                Duration.ofMillis(250),
                Duration.ofDays(1),
                0,
                10,
                DestinationSpec.Affinity.CONNECTION,
                null,
                new SourceSpec.Addresses(
                    List.of(IpPrefix.parse("192.0.2.0/28"), IpPrefix.parse("2001:db8::1"))),
                null,
                Keepalive.DEFAULT,
                0,
                HealthSpec.standard(true),
                OffloadSpec.OFF,
                DestinationLimits.NONE));
  }

  @Test
  void selectionsByPayloadHaveParameters() throws Exception {
    Config config =
        read(
            """
            destinations:
              - {label: a, protocol: udp, targets: "127.0.0.1:1", select: payload, payload: {length: 4}, affinity: datagram}
              - {label: b, protocol: tcp, targets: "127.0.0.1:1", select: payload, payload: {offset: 65526, length: 256}}
              - {label: c, protocol: udp, targets: "127.0.0.1:1", select: quic, quic: {connectionIdLength: 20}}
            """);

    DestinationSpec a = config.destinations().get(0);
    DestinationSpec b = config.destinations().get(1);
    DestinationSpec c = config.destinations().get(2);
    assertThat(a.selection()).isEqualTo(new Selection.Payload(0, 4));
    assertThat(a.affinity()).isEqualTo(DestinationSpec.Affinity.DATAGRAM);
    assertThat(b.selection()).isEqualTo(new Selection.Payload(65_526, 256));
    assertThat(b.affinity()).isEqualTo(DestinationSpec.Affinity.CONNECTION);
    assertThat(c.selection()).isEqualTo(new Selection.Quic(20, null));
    assertThat(c.affinity()).isEqualTo(DestinationSpec.Affinity.FLOW);
  }

  @Test
  void aCheckSaysWhatIsAskedAndWhen() throws Exception {
    Config config =
        read(
            """
            destinations:
              - label: a
                protocol: tcp
                targets: ["127.0.0.1:1", {address: "127.0.0.1:2", backup: true}]
                check:
                  http: {method: HEAD, path: /up, host: a.example, status: [200-299, 401], expect: "ok"}
                  port: 8080
                  interval: 1s
                  timeout: 500ms
                  rise: 1
                passive: {fall: 5, for: 2m}
                onDown: close
                slowStart: 10s
                panic: 30
              - {label: b, protocol: udp, targets: "127.0.0.1:1", check: {dns: {name: www.test}}}
              - {label: c, protocol: udp, targets: "127.0.0.1:1", check: {udp: {payload: {hex: ff00}, expect: {regex: "^.$$"}}}}
            """);

    HealthSpec a = config.destinations().get(0).health();
    Duration second = Duration.ofSeconds(1);
    assertThat(a)
        .isEqualTo(
            new HealthSpec(
                new CheckSpec(
                    new CheckSpec.Http(
                        "HEAD",
                        "/up",
                        "a.example",
                        List.of(new CheckSpec.Statuses(200, 299), new CheckSpec.Statuses(401, 401)),
                        new CheckSpec.Expect.Bytes("ok")),
                    8080,
                    second,
                    second,
                    Duration.ofMillis(500),
                    1,
                    3,
                    false),
                new Passive(5, Duration.ofMinutes(2), Duration.ofMinutes(2)),
                OnDown.CLOSE,
                Duration.ofSeconds(10),
                30));
    assertThat(config.destinations().get(0).targets().get(1).isBackup()).isTrue();
    CheckSpec b = requireNonNull(config.destinations().get(1).health().check());
    assertThat(b.question()).isEqualTo(new CheckSpec.Dns("www.test", 1, Protocol.UDP, List.of(0)));
    assertThat(b.saysLocal()).isTrue();
    CheckSpec c = requireNonNull(config.destinations().get(2).health().check());
    assertThat(c.question())
        .isEqualTo(new CheckSpec.Udp("\u00ff\0", new CheckSpec.Expect.Match("^.$")));
  }

  @Test
  void targetsMayHaveServerIds() throws Exception {
    Config config =
        read(
            """
            destinations:
              - label: a
                protocol: udp
                select: quic
                quic: {connectionIdLength: 8, serverId: {length: 2}}
                targets: [{address: "127.0.0.1:1", serverId: "00FF", weight: 2}]
            """);

    DestinationSpec a = config.destinations().getFirst();
    assertThat(a.selection()).isEqualTo(new Selection.Quic(8, new Selection.ServerId(1, 2)));
    assertThat(a.targets())
        .containsExactly(new TargetSpec(TargetAddress.parse("127.0.0.1:1"), 2, "00ff", null));
  }

  @Test
  void aDestinationByMessageSaysWhereMessagesEnd() throws Exception {
    Config config =
        read(
            """
            destinations:
              - {label: a, protocol: tcp, targets: "127.0.0.1:1", affinity: message, framing: {type: line}}
              - label: b
                protocol: tcp
                targets: "127.0.0.1:1"
                affinity: message
                framing: {type: length-field, offset: 2, size: 4, endianness: little, adjustment: -6}
                maxMessage: 1MiB
                parserTimeout: 0s
                select: round-robin
            """);

    assertThat(config.destinations().getFirst().messages())
        .isEqualTo(
            new MessageSpec(new MessageSpec.Framing.Line(), 64 << 10, Duration.ofSeconds(30)));
    assertThat(config.destinations().getLast().messages())
        .isEqualTo(
            new MessageSpec(
                new MessageSpec.Framing.LengthField(2, 4, false, -6), 1 << 20, Duration.ZERO));
  }

  @Test
  void aUdpDestinationIsIdleAfterAMinute() throws Exception {
    Config config = read("destinations: [{label: dns, protocol: udp, targets: ['127.0.0.1:53']}]");

    assertThat(config.destinations().getFirst().idleTimeout()).isEqualTo(Duration.ofSeconds(60));
  }

  @Test
  void targetsMayHaveNamesThatStandForThem() throws Exception {
    Config config =
        read(
            """
            destinations:
              - label: ike
                protocol: udp
                select: source
                targets: [{address: "192.0.2.1:500", name: a}, "192.0.2.2:500"]
            """);

    assertThat(config.destinations().getFirst().targets())
        .extracting(TargetSpec::identity)
        .containsExactly("a", "192.0.2.2:500");
  }

  @ParameterizedTest
  @CsvSource({
    "hash, hash",
    "source, source",
    "round-robin, round-robin",
    "least-connections, least-connections"
  })
  void aSelectionIsCalledAsTheFileWritesIt(String written, String word) throws Exception {
    Config config =
        read(
            "destinations: [{label: a, protocol: tcp, targets: '127.0.0.1:1', select: %s}]"
                .formatted(written));

    assertThat(config.destinations().getFirst().selection().word()).isEqualTo(word);
  }

  @Test
  void syslogTakesBothFramings() throws Exception {
    Config config =
        read(
            """
            destinations:
              - {label: a, protocol: tcp, targets: "127.0.0.1:1", affinity: message, framing: {type: syslog}}
            """);

    assertThat(config.destinations().getFirst().messages())
        .isEqualTo(
            new MessageSpec(new MessageSpec.Framing.Syslog(), 64 << 10, Duration.ofSeconds(30)));
  }

  private static TargetSpec target(String address, int weight) {
    return new TargetSpec(TargetAddress.parse(address), weight);
  }

  private static Config read(String sections) throws ConfigException {
    return ConfigReader.read("f", "version: 1\n" + sections, Map.of());
  }
}
