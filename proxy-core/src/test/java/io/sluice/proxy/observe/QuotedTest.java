package io.sluice.proxy.observe;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class QuotedTest {
  @Test
  void aWordStaysAsItIs() {
    for (String word : new String[] {"web", "-", "127.0.0.1:80", "unix:/run/a.sock", "\u00fcber"}) {
      assertThat(Quoted.of(word)).isSameAs(word);
    }
  }

  @Test
  void whatWouldBeReadWrongIsQuotedAndEscaped() {
    assertThat(Quoted.of("")).isEqualTo("\"\"");
    assertThat(Quoted.of("a b")).isEqualTo("\"a b\"");
    assertThat(Quoted.of("a=b")).isEqualTo("\"a=b\"");
    assertThat(Quoted.of("a\"b\\")).isEqualTo("\"a\\\"b\\\\\"");
    assertThat(Quoted.of("a\nb\u202ec")).isEqualTo("\"a\\u000ab\\u202ec\"");
  }
}
