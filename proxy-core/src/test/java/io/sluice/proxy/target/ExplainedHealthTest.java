package io.sluice.proxy.target;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.Lookup;
import io.sluice.proxy.admin.Explanation;
import io.sluice.proxy.lookup.Answer;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** explain knows what lookups know of targets: it asks the same gate. */
@Timeout(20)
final class ExplainedHealthTest extends HealthScene {
  /** What explain says of the client with this port: the target, or why there is none. */
  private String explained(int clientPort) {
    Explanation it =
        Explanation.of(Lookup.parse("tcp 127.0.0.1:" + clientPort + " 127.0.0.1:8080"), snapshot());
    return String.valueOf(it.reason() == null ? it.target() : it.reason());
  }

  private String steered(int clientPort) {
    LookupContext _ =
        steering.context().ipv4(Protocol.TCP, 0x7f000001, clientPort, 0x7f000001, 8080, 0);
    Answer answer = steering.steer();
    return answer.target() == null ? answer.refusal().word() : answer.target().toString();
  }

  /** As text, for as many clients as find each target. */
  private void explainAgrees(String... expected) {
    Set<String> seen = new HashSet<>();
    for (int port = 1; port <= 30; port++) {
      assertThat(explained(port)).isEqualTo(steered(port));
      seen.add(steered(port));
    }
    assertThat(seen).containsExactlyInAnyOrder(expected);
  }

  @ParameterizedTest
  @ValueSource(strings = {"hash", "source"})
  void explainKnowsWhatChecksHaveFound(String select) {
    inForce("select: " + select + ", targets: ['127.0.0.1:81', '127.0.0.1:82']");
    refuse(0);
    explainAgrees("127.0.0.1:82");
    refuse(1);
    explainAgrees("targets_down");
    inForce("panic: 60, select: " + select + ", targets: ['127.0.0.1:81']");
    explainAgrees("127.0.0.1:81");
  }

  @Test
  void explainKnowsWhatTrafficHasFound() {
    inForce("targets: ['127.0.0.1:81', '127.0.0.1:82', '127.0.0.1:83']");
    kill(target(0));
    explainAgrees("127.0.0.1:82", "127.0.0.1:83");
    kill(target(1));
    kill(target(2));
    explainAgrees("127.0.0.1:81", "127.0.0.1:82", "127.0.0.1:83");
  }

  @Test
  void explainTakesNoProbeFromAClient() {
    inForce("targets: ['127.0.0.1:81', '127.0.0.1:82']");
    kill(target(0));
    timer.pass(PAUSE_MILLIS);
    for (int port = 1; port <= 30; port++) {
      String _ = explained(port);
    }
    assertThat(addressesOf(30)).containsExactlyInAnyOrder("127.0.0.1:81", "127.0.0.1:82");
  }

  @Test
  void explainKnowsWhoTakesNothingNew() {
    inForce("targets: [{address: '127.0.0.1:81', state: drain}, '127.0.0.1:82']");
    explainAgrees("127.0.0.1:82");
    inForce("targets: [{address: '127.0.0.1:81', state: maint}]");
    explainAgrees("group");
  }

  @Test
  void explainKnowsThatADestinationIsFull() {
    inForce("maxConnections: 1, targets: ['127.0.0.1:81']");
    assertThat(explained(1)).isEqualTo("127.0.0.1:81");
    assertThat(target(0).destination().tryOpen()).isTrue();
    assertThat(explained(1)).isEqualTo("destination_limit");
  }

  @Test
  void explainKnowsThatANameHasNoAddress() {
    names.answer("a.example");
    inForce("targets: ['a.example:80']");
    timer.pass(1_000);
    assertThat(addressOf(1)).isEqualTo("none");
    assertThat(explained(1)).isEqualTo("no_target");
  }
}
