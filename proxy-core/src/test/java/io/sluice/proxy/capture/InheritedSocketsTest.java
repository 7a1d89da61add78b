package io.sluice.proxy.capture;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.CaptureSpec;
import io.sluice.config.ConfigReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is said of sockets that can't be used; those that can are for {@code InheritedIT}. */
final class InheritedSocketsTest {
  private static final long PID = 4711;
  private static final String NONE = "capture web: no socket named web was inherited: ";

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "''                                              | LISTEN_FDS is not set",
        "LISTEN_FDS=1                                    | LISTEN_PID= is not this process, which"
            + " is 4711",
        "LISTEN_FDS=1 LISTEN_PID=12                      | LISTEN_PID=12 is not this process, which"
            + " is 4711",
        "LISTEN_FDS=x LISTEN_PID=4711                    | LISTEN_FDS=x is no number of sockets",
        "LISTEN_FDS=9999 LISTEN_PID=4711                 | LISTEN_FDS=9999 is no number of sockets",
        "LISTEN_FDS=0 LISTEN_PID=4711                    | none was",
      })
  void withoutAnyItSaysWhy(String environment, String why) throws Exception {
    assertThat(failures(environment)).containsExactly(NONE + why);
  }

  @ParameterizedTest
  @CsvSource({"web", "''"}) // a single capture takes sockets without names
  void aDescriptorThatIsNoSocketIsNamed(String name) throws Exception {
    assertThat(failures("LISTEN_FDS=1 LISTEN_PID=4711 LISTEN_FDNAMES=" + name))
        .containsExactly("capture web: descriptor 3 is no IP socket");
  }

  private static List<String> failures(String environment) throws Exception {
    Map<String, String> variables = new HashMap<>();
    for (String word : environment.split(" ", -1)) {
      String[] sides = word.split("=", 2);
      variables.put(sides[0], sides.length > 1 ? sides[1] : "");
    }
    List<CaptureSpec> captures =
        ConfigReader.read("f", "version: 1\ncapture: [{name: web, method: inherited}]\n", Map.of())
            .captures();
    List<CaptureFailure> failures = new ArrayList<>();
    assertThat(InheritedSockets.of(variables, PID).of(captures, failures)).isEmpty();
    return failures.stream().map(CaptureFailure::toString).toList();
  }
}
