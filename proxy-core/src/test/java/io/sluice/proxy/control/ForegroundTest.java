package io.sluice.proxy.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

final class ForegroundTest {
  @Test
  void aLogFormOrLevelThatDoesNotExistIsSaidAndNotIgnored() {
    assertThat(Foreground.wrongEnvironment(Map.of("SLUICE_LOG", "xml")))
        .isEqualTo("SLUICE_LOG=xml is no form of log; write text or json");
    assertThat(Foreground.wrongEnvironment(Map.of("SLUICE_ACCESS_LOG", "no")))
        .isEqualTo(
            "SLUICE_ACCESS_LOG=no is no level; write one of OFF, ERROR, WARN, INFO, DEBUG, TRACE");
  }

  @Test
  void theFormsAndLevelsThatExistAreTaken() {
    assertThat(Foreground.wrongEnvironment(Map.of())).isNull();
    assertThat(
            Foreground.wrongEnvironment(
                Map.of(
                    "SLUICE_LOG", "json", "SLUICE_LOG_LEVEL", "DEBUG", "SLUICE_ACCESS_LOG", "OFF")))
        .isNull();
  }
}
