package io.sluice.steering;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PortRangeTest {
  @ParameterizedTest
  @CsvSource({
    "80, 80, 80, 80",
    "9000-9099, 9000, 9099, 9000-9099",
    "1-65535, 1, 65535, 1-65535",
    "80-80, 80, 80, 80",
    "any, 0, 65535, any",
  })
  void parsesAndWrites(String text, int first, int last, String written) {
    PortRange range = PortRange.parse(text);

    assertThat(range).isEqualTo(new PortRange(first, last)).hasToString(written);
    assertThat(range.size()).isEqualTo(last - first + 1);
    assertThat(range.contains(first)).isTrue();
    assertThat(range.contains(last)).isTrue();
    assertThat(range.contains(first - 1)).isFalse();
    assertThat(range.contains(last + 1)).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "9099-9000, port range 9099-9000 is reversed; was 9000-9099 meant?",
    "0, \"0\" is no port; ports are 1–65535",
    "0-80, \"0\" is no port",
    "65536, \"65536\" is no port",
    "99999999999, \"99999999999\" is no port",
    "080, \"080\" is no port",
    "80-, \"\" is no port",
    "-80, \"-80\" is no port",
    "80-90-100, \"90-100\" is no port",
    "80 - 90, \"80 \" is no port",
    "+80, \"+80\" is no port",
    "'', \"\" is no port",
    "http, \"http\" is no port",
    "Any, \"Any\" is no port",
    "٨٠, \"٨٠\" is no port",
  })
  void refusesAndSaysWhatWouldBeRight(String text, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PortRange.parse(text))
        .withMessageContaining(message);
  }

  @Test
  void portZeroIsInAnyOnly() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new PortRange(0, 80))
        .withMessageContaining("port 0 is outside 1–65535");
    assertThatIllegalArgumentException().isThrownBy(() -> new PortRange(0, 0));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new PortRange(80, 65536))
        .withMessageContaining("port 65536");
    assertThat(PortRange.ANY.contains(0)).isTrue();
  }
}
