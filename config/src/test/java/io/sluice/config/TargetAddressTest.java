package io.sluice.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.IpAddress;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is refused stands in {@code problems.txt}. */
class TargetAddressTest {
  record Form(String text, TargetAddress address) {}

  static List<Form> forms() {
    String longest = "/run/" + "x".repeat(TargetAddress.MAX_UNIX_PATH_BYTES - "/run/".length());
    return List.of(
        new Form("127.0.0.1:8081", new TargetAddress.Ip(IpAddress.parse("127.0.0.1"), 8081)),
        new Form("[::1]:80", new TargetAddress.Ip(IpAddress.parse("::1"), 80)),
        new Form("localhost:80", new TargetAddress.Host("localhost", 80)),
        new Form("Web-1.my_zone.internal:80", new TargetAddress.Host("Web-1.my_zone.internal", 80)),
        new Form("10.example:1", new TargetAddress.Host("10.example", 1)),
        new Form("web.internal.:80", new TargetAddress.Host("web.internal.", 80)),
        new Form("web.0xyz:80", new TargetAddress.Host("web.0xyz", 80)),
        new Form("unix:/run/a b.sock", new TargetAddress.Unix("/run/a b.sock")),
        new Form("unix:" + longest, new TargetAddress.Unix(longest)),
        new Form("original", new TargetAddress.Original(0)),
        new Form("original:8080", new TargetAddress.Original(8080)));
  }

  @ParameterizedTest
  @MethodSource("forms")
  void parseAndToStringAreInverse(Form form) {
    assertThat(TargetAddress.parse(form.text)).isEqualTo(form.address);
    assertThat(form.address).hasToString(form.text);
  }

  @Test
  void anUncanonicalAddressIsWrittenCanonically() {
    assertThat(TargetAddress.parse("[2001:DB8:0::1]:80")).hasToString("[2001:db8::1]:80");
  }
}
