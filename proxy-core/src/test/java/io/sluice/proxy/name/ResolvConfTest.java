package io.sluice.proxy.name;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.util.List;
import org.junit.jupiter.api.Test;

/** resolv.conf(5), line by line. */
final class ResolvConfTest {
  private static ResolvConf parse(String text) {
    return ResolvConf.parse(List.of(text.split("\n")));
  }

  @Test
  void anEmptyFileMeansTheServerOfThisMachine() {
    assertThat(ResolvConf.parse(List.of()))
        .isEqualTo(
            new ResolvConf(List.of(InetAddress.ofLiteral("127.0.0.1")), List.of(), 1, 2_000, 2));
  }

  @Test
  void theLastSearchListHoldsAndWhatIsNotUnderstoodIsPassedOver() {
    ResolvConf its =
        parse(
            """
            # nameserver 192.0.2.9
            ; nameserver 192.0.2.9
            nameserver 192.0.2.1
            nameserver\t2001:db8::1
            nameserver dns.example
            nameserver
            domain old.example
            search a.example. b.example
            options ndots:99 timeout:x attempts:0 rotate edns0
            sortlist 130.155.160.0
            """);
    assertThat(its.servers())
        .containsExactly(InetAddress.ofLiteral("192.0.2.1"), InetAddress.ofLiteral("2001:db8::1"));
    assertThat(its.search()).containsExactly("a.example", "b.example");
    assertThat(its.ndots()).isEqualTo(15);
    assertThat(its.timeoutMillis()).isEqualTo(2_000);
    assertThat(its.attempts()).isEqualTo(1);
  }

  @Test
  void aNameWithEnoughDotsIsTriedAsItIsFirst() {
    ResolvConf its = parse("search a.example\noptions ndots:2");
    assertThat(its.candidates("web")).containsExactly("web.a.example.", "web.");
    assertThat(its.candidates("x.web")).containsExactly("x.web.a.example.", "x.web.");
    assertThat(its.candidates("y.x.web")).containsExactly("y.x.web.", "y.x.web.a.example.");
    assertThat(its.candidates("web.")).containsExactly("web.");
  }
}
