package io.sluice.proxy.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class JsonTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "[]",
        "null",
        "-12",
        "1.5",
        "true",
        "\"\"",
        "{\"a\":[1,{\"b\":null},\"c\\\"\\\\\\n\\u0001\"],\"d\":false}"
      })
  void whatIsReadIsWrittenTheSame(String text) {
    assertThat(Json.of(Json.parse(text))).isEqualTo(text);
  }

  @Test
  void spacesAndEscapesAreRead() {
    assertThat(Json.parse(" { \"a\" : \"\\u00e9\\/\" } ")).hasToString("{a=é/}");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "{", "{\"a\"}", "[1 2]", "[1,]x", "\"a", "tru", "1 2", "\"\\x\"", "--"})
  void whatIsNoJsonIsRefused(String text) {
    assertThatThrownBy(() -> Json.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("not JSON: ");
  }

  @Test
  void whatIsNestedTooDeeplyIsRefused() {
    assertThatThrownBy(() -> Json.parse("[".repeat(100_000)))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
