package io.sluice.steering.binding;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BindingTableTest {
  /** Written as {@code "tcp 192.0.2.0/24 80"}; the text is the label too. */
  static Binding binding(String text) {
    String[] words = text.split(" ", -1);
    int port = words[2].equals("any") ? Binding.ANY_PORT : Integer.parseInt(words[2]);
    return new Binding(text, protocol(words[0]), IpPrefix.parse(words[1]), port);
  }

  private static Protocol protocol(String word) {
    return Protocol.valueOf(word.toUpperCase(Locale.ROOT));
  }

  static BindingTable table(String bindings) {
    return BindingTable.of(
        Arrays.stream(bindings.split(", ", -1)).map(BindingTableTest::binding).toList());
  }

  /** A packet to {@code "tcp 192.0.2.1 80"}. */
  static LookupContext packetTo(String text) {
    String[] words = text.split(" ", -1);
    IpAddress local = IpAddress.parse(words[1]);
    return new LookupContext()
        .of(protocol(words[0]), local, 50_000, local, Integer.parseInt(words[2]), 0);
  }

  @ParameterizedTest(name = "{2}")
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      textBlock =
          """
          tcp 192.0.2.0/24 80, tcp 192.0.2.1/32 any    | tcp 192.0.2.1 80  | tcp 192.0.2.1/32 any
          tcp 192.0.2.0/24 80, tcp 192.0.2.1/32 any    | tcp 192.0.2.2 80  | tcp 192.0.2.0/24 80
          tcp 192.0.2.0/24 any, tcp 192.0.2.0/24 80    | tcp 192.0.2.1 80  | tcp 192.0.2.0/24 80
          tcp 192.0.2.0/24 any, tcp 192.0.2.0/24 80    | tcp 192.0.2.1 81  | tcp 192.0.2.0/24 any
          tcp 192.0.2.0/24 80, tcp 192.0.2.128/25 443  | tcp 192.0.2.129 80 | tcp 192.0.2.0/24 80
          tcp 192.0.2.0/24 80, udp 192.0.2.1/32 80     | tcp 192.0.2.1 80  | tcp 192.0.2.0/24 80
          tcp 0.0.0.0/0 any, udp 0.0.0.0/0 any         | udp 9.9.9.9 53    | udp 0.0.0.0/0 any
          tcp 0.0.0.0/0 any, tcp 0.0.0.0/0 65535       | tcp 255.255.255.255 65535 | tcp 0.0.0.0/0 65535
          tcp ::/0 any, tcp 2001:db8::/32 any          | tcp 2001:db8::1 1 | tcp 2001:db8::/32 any
          tcp ::/0 1, tcp 2001:db8::/64 any, tcp 2001:db8::1/128 2 | tcp 2001:db8::1 1 | tcp 2001:db8::/64 any
          tcp 2001:db8::1/128 any, tcp 2001:db8::1/128 2 | tcp 2001:db8::1 2 | tcp 2001:db8::1/128 2
          tcp 8000::/1 any, tcp ::/1 any               | tcp ffff::1 1     | tcp 8000::/1 any
          """)
  void longestPrefixWinsThenExactPort(String bindings, String packet, String winner) {
    BindingTable table = table(bindings);

    int match = table.match(packetTo(packet));

    assertThat(table.binding(match)).isEqualTo(binding(winner));
    assertThat(table.labels().get(table.labelId(match))).isEqualTo(winner);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          tcp ::/0 any                 | tcp 192.0.2.1 80
          tcp ::fffe:0:0/95 any        | tcp 192.0.2.1 80
          tcp 0.0.0.0/0 any            | tcp :: 80
          tcp 0.0.0.0/0 any            | tcp ::ffff:192.0.2.1 80
          tcp 0.0.0.0/0 any            | udp 192.0.2.1 80
          tcp 192.0.2.0/24 80          | tcp 192.0.3.0 80
          tcp 192.0.2.0/24 80          | tcp 192.0.2.1 81
          tcp 2001:db8::/127 any       | tcp 2001:db8::2 80
          """)
  void familiesProtocolsPrefixesAndPortsBoundWhatMatches(String binding, String packet) {
    assertThat(table(binding).match(packetTo(packet))).isEqualTo(-1);
    assertThat(table(binding).matches(packetTo(packet))).isEmpty();
  }

  @Test
  void anEmptyTableMatchesNothing() {
    BindingTable table = BindingTable.of(List.of());

    assertThat(table.match(packetTo("tcp 192.0.2.1 80"))).isEqualTo(-1);
    assertThat(table.size()).isZero();
    assertThat(table.labels()).isEmpty();
  }

  @Test
  void matchesAreBestFirst() {
    BindingTable table =
        table(
            "tcp 0.0.0.0/0 any, tcp 192.0.2.0/24 any, tcp 192.0.2.0/24 80, tcp 192.0.2.0/24 81,"
                + " udp 192.0.2.1/32 80, tcp 192.0.2.1/32 any, tcp 192.0.0.0/16 80");

    assertThat(table.matches(packetTo("tcp 192.0.2.1 80")))
        .extracting(Binding::label)
        .containsExactly(
            "tcp 192.0.2.1/32 any",
            "tcp 192.0.2.0/24 80",
            "tcp 192.0.2.0/24 any",
            "tcp 192.0.0.0/16 80",
            "tcp 0.0.0.0/0 any");
  }

  @Test
  void labelsAreDistinctInTheOrderOfTheirFirstBinding() {
    IpPrefix net = IpPrefix.parse("192.0.2.0/24");
    BindingTable table =
        BindingTable.of(
            List.of(
                new Binding("web", Protocol.TCP, net, 80),
                new Binding("dns", Protocol.UDP, net, 53),
                new Binding("web", Protocol.TCP, net, 443)));

    assertThat(table.labels()).containsExactly("web", "dns");
    assertThat(List.of(table.labelId(0), table.labelId(1), table.labelId(2)))
        .containsExactly(0, 1, 0);
  }

  @ParameterizedTest
  @ValueSource(strings = {"tcp 192.0.2.0/24 80", "udp 2001:db8::/32 any", "tcp 0.0.0.0/0 any"})
  void theSameBindingTwiceIsRefusedEvenWithAnotherLabel(String text) {
    Binding first = binding(text);
    Binding other = binding("tcp 10.0.0.0/8 80");
    Binding again = new Binding("other", first.protocol(), first.prefix(), first.port());

    assertThatThrownBy(() -> BindingTable.of(List.of(other, first, again)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("bindings 1 and 2 are the same: %s %s", first.protocol().word(), first.match());
  }

  @Test
  void everyPortCanHaveBindingsOfItsOwn() {
    BindingTableBuilder builder = new BindingTableBuilder();
    for (int port = 1; port <= 65_535; port++) {
      builder.add(new Binding("l", Protocol.TCP, IpPrefix.parse("192.0.2.0/24"), port));
    }
    BindingTable table = builder.build();

    for (int port = 1; port <= 65_535; port++) {
      assertThat(table.match(packetTo("tcp 192.0.2.1 " + port))).isEqualTo(port - 1);
    }
  }

  @Test
  void aMillionBindingsTakeLessThan64BytesEach() {
    int count = 1_000_000;
    SplittableRandom random = new SplittableRandom(1);
    BindingTableBuilder builder = new BindingTableBuilder();
    for (int i = 0; i < count; i++) {
      builder.add(numbered(i, random.nextLong()));
    }
    BindingTable table = builder.build();

    assertThat(table.size()).isEqualTo(count);
    assertThat(table.retainedBytes()).isLessThan(64L * count);
    random = new SplittableRandom(1);
    LookupContext context = new LookupContext();
    for (int i = 0; i < count; i++) {
      Binding binding = numbered(i, random.nextLong());
      if (i % 10 == 0) {
        IpAddress local = binding.prefix().address();
        int port = binding.port() == Binding.ANY_PORT ? 7 : binding.port();
        context.of(binding.protocol(), local, 1, local, port, 0);
        assertThat(table.match(context)).isEqualTo(i);
        assertThat(table.binding(i)).isEqualTo(binding);
      }
    }
  }

  /** A /32 or a /128; {@code i} is in the address, so that none comes twice. */
  private static Binding numbered(int i, long random) {
    Protocol protocol = (i & 1) == 0 ? Protocol.TCP : Protocol.UDP;
    int port = (i & 2) == 0 ? Binding.ANY_PORT : 1 + (int) (random >>> 49);
    IpAddress address =
        (i & 4) == 0
            ? IpAddress.ipv4(Integer.reverse(i) ^ (int) random & 0xff)
            : IpAddress.ipv6(0x2001_0db8L << 32 | random >>> 40, i);
    return new Binding("label " + i % 100, protocol, IpPrefix.single(address), port);
  }
}
