package io.sluice.proxy.observe;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Tuple;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class AccessRecordTest {
  private static final Tuple TUPLE =
      new LookupContext()
          .of(
              Protocol.TCP,
              IpAddress.parse("2001:db8::9"),
              51234,
              IpAddress.parse("2001:db8::7"),
              80,
              0)
          .copyTo(new Tuple());

  @Test
  void aRecordSaysWhoEndedItAndHowFarItHadCome() {
    assertThat(
            new AccessRecord(
                TUPLE,
                "a b",
                "127.0.0.1:8082",
                SessionEnd.TARGET_RESET,
                Outcome.Phase.DATA,
                14,
                79,
                201,
                "10.0.0.5:41233"))
        .hasToString(
            "protocol=tcp client=[2001:db8::9]:51234 local=[2001:db8::7]:80"
                + " label=\"a b\" target=127.0.0.1:8082 end=target_reset by=target phase=data"
                + " ms=14 in=79 out=201 via=10.0.0.5:41233");
  }

  @Test
  void aRefusedConnectionHasThePhaseOfItsReason() {
    assertThat(AccessRecord.refused(TUPLE, "-", Refusal.PROXY_HEADER, null))
        .asString()
        .endsWith(" label=- target=- end=proxy_header by=client phase=header ms=0 in=0 out=0");
  }

  @ParameterizedTest
  @EnumSource
  void eachReasonOfTheEngineKeepsItsWord(Refusal reason) {
    assertThat(Refusal.of(reason).word()).isEqualTo(reason.word());
    assertThat(Refusal.of(reason).name()).isEqualTo(reason.name());
  }

  @ParameterizedTest
  @EnumSource
  void eachEndIsDocumentedWithWhoseDoingItIs(SessionEnd end) throws Exception {
    assertThat(Files.readString(Path.of("../docs/operations.md")))
        .contains("\n| `" + end.word() + "` | " + end.by().word() + " | ");
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NO_ANSWER") // only said of targets
  void eachRefusalIsDocumented(Refusal refusal) throws Exception {
    assertThat(Files.readString(Path.of("../docs/operations.md")))
        .contains("\n| `" + refusal.word() + "` | ");
  }
}
