package io.sluice.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

final class RunCommandTest {
  @Test
  void aLogFormOrLevelThatDoesNotExistIsSaidAndNotIgnored() {
    assertThat(RunCommand.wrongEnvironment(Map.of("SLUICE_LOG", "xml")))
        .isEqualTo("SLUICE_LOG=xml is no form of log; write text or json");
    assertThat(RunCommand.wrongEnvironment(Map.of("SLUICE_ACCESS_LOG", "no")))
        .isEqualTo(
            "SLUICE_ACCESS_LOG=no is no level; write one of OFF, ERROR, WARN, INFO, DEBUG, TRACE");
  }

  @Test
  void theFormsAndLevelsThatExistAreTaken() {
    assertThat(RunCommand.wrongEnvironment(Map.of())).isNull();
    assertThat(
            RunCommand.wrongEnvironment(
                Map.of(
                    "SLUICE_LOG", "json", "SLUICE_LOG_LEVEL", "DEBUG", "SLUICE_ACCESS_LOG", "OFF")))
        .isNull();
  }
}
