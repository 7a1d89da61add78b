package io.sluice.proxy.connect;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.linux.Sockaddr;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Tuple;
import org.junit.jupiter.api.Test;

class OwnSourcesTest {
  private static final IpAddress WANTED = IpAddress.parse("192.0.2.80");
  private final OwnSources sources = new OwnSources();

  private static Sockaddr at(String address, int port) {
    return new Sockaddr().set(IpAddress.parse(address), port);
  }

  private boolean contains(Protocol protocol, String client, int port, IpAddress to, int toPort) {
    LookupContext context = new LookupContext();
    return sources.contains(context.of(protocol, IpAddress.parse(client), port, to, toPort, 0));
  }

  private boolean contains(Protocol protocol, String client, int port) {
    IpAddress to = client.contains(":") ? IpAddress.parse("2001:db8::80") : WANTED;
    return contains(protocol, client, port, to, 80);
  }

  @Test
  void containsWhatWasAddedAndNothingElse() {
    Tuple _ = sources.add(Protocol.UDP, at("127.0.0.1", 5000));
    assertThat(sources.isEmpty()).isFalse();
    assertThat(contains(Protocol.UDP, "127.0.0.1", 5000)).isTrue();
    assertThat(contains(Protocol.TCP, "127.0.0.1", 5000)).isFalse();
    assertThat(contains(Protocol.UDP, "::7f00:1", 5000)).isFalse();
    assertThat(contains(Protocol.UDP, "127.0.0.1", 5001)).isFalse();
    assertThat(contains(Protocol.UDP, "127.0.0.2", 5000)).isFalse();
  }

  @Test
  void whatWasAddedTwiceIsRemovedTwice() {
    Tuple source = sources.add(Protocol.TCP, at("::1", 5000));
    assertThat(sources.add(Protocol.TCP, at("::1", 5000))).isEqualTo(source);
    sources.remove(source);
    assertThat(contains(Protocol.TCP, "::1", 5000)).isTrue();
    sources.remove(source);
    assertThat(sources.isEmpty()).isTrue();
    sources.remove(source);
    assertThat(sources.isEmpty()).isTrue();
  }

  @Test
  void ofATransparentSourceOnlyWhatGoesToItsTargetIsOurs() {
    Tuple source =
        sources.addTransparent(Protocol.UDP, at("203.0.113.9", 5000), at("192.0.2.80", 53));
    assertThat(contains(Protocol.UDP, "203.0.113.9", 5000, WANTED, 53)).isTrue();
    assertThat(contains(Protocol.UDP, "203.0.113.9", 5000, WANTED, 54)).isFalse();
    assertThat(contains(Protocol.UDP, "203.0.113.9", 5000, IpAddress.parse("192.0.2.81"), 53))
        .isFalse();
    sources.remove(source);
    assertThat(sources.isEmpty()).isTrue();
  }
}
