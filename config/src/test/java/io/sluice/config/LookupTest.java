package io.sluice.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LookupTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "tcp 203.0.113.9:51234 127.0.1.7:8080",
        "udp [2001:db8::1]:1 [2001:db8::2]:65535",
        "udp [::]:53 [::1]:53"
      })
  void parseAndToStringAreInverse(String text) {
    assertThat(Lookup.parse(text)).hasToString(text);
  }

  @Test
  void spacesAroundAndBetweenDontMatter() {
    assertThat(Lookup.parse(" tcp  10.0.0.1:1\t10.0.0.2:2 "))
        .isEqualTo(Lookup.parse("tcp 10.0.0.1:1 10.0.0.2:2"));
  }

  @Test
  void fillsAContextWithoutInterface() {
    LookupContext context =
        Lookup.parse("udp [2001:db8::1]:1 [2001:db8::2]:2").toContext(new LookupContext());

    assertThat(context.protocol()).isEqualTo(Protocol.UDP);
    assertThat(context.remote()).isEqualTo(IpAddress.parse("2001:db8::1"));
    assertThat(context.remotePort()).isEqualTo(1);
    assertThat(context.local()).isEqualTo(IpAddress.parse("2001:db8::2"));
    assertThat(context.localPort()).isEqualTo(2);
    assertThat(context.ingressIfindex()).isZero();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "tcp",
        "tcp 10.0.0.1:1",
        "tcp 10.0.0.1:1 10.0.0.2:2 x",
        "TCP 10.0.0.1:1 10.0.0.2:2",
        "tcp 10.0.0.1 10.0.0.2:2",
        "tcp :1 10.0.0.2:2",
        "tcp 10.0.0.1:0 10.0.0.2:2",
        "tcp 10.0.0.1:1 10.0.0.2:65536",
        "tcp 10.0.0.1:1 [::1]:2",
        "tcp ::1:1 ::1:2",
        "tcp [::1]1 [::1]:2",
        "tcp [::1:1 [::1]:2",
        "tcp localhost:1 10.0.0.2:2"
      })
  void whatIsNoLookupIsRefusedWithAReason(String text) {
    assertThatThrownBy(() -> Lookup.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .message()
        .isNotBlank();
  }
}
