package io.sluice.proxy.target;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import org.junit.jupiter.api.Test;

class OwnSourcesTest {
  private final OwnSources sources = new OwnSources();

  @Test
  void containsWhatWasAddedAndNothingElse() {
    sources.add(Protocol.UDP, Family.IPV4, 0, 0x7f000001, 5000);
    assertThat(sources.isEmpty()).isFalse();
    assertThat(sources.contains(Protocol.UDP, Family.IPV4, 0, 0x7f000001, 5000)).isTrue();
    assertThat(sources.contains(Protocol.TCP, Family.IPV4, 0, 0x7f000001, 5000)).isFalse();
    assertThat(sources.contains(Protocol.UDP, Family.IPV6, 0, 0x7f000001, 5000)).isFalse();
    assertThat(sources.contains(Protocol.UDP, Family.IPV4, 0, 0x7f000001, 5001)).isFalse();
    assertThat(sources.contains(Protocol.UDP, Family.IPV4, 0, 0x7f000002, 5000)).isFalse();
  }

  @Test
  void whatWasAddedTwiceIsRemovedTwice() {
    sources.add(Protocol.TCP, Family.IPV6, 0, 1, 5000);
    sources.add(Protocol.TCP, Family.IPV6, 0, 1, 5000);
    sources.remove(Protocol.TCP, Family.IPV6, 0, 1, 5000);
    assertThat(sources.contains(Protocol.TCP, Family.IPV6, 0, 1, 5000)).isTrue();
    sources.remove(Protocol.TCP, Family.IPV6, 0, 1, 5000);
    assertThat(sources.isEmpty()).isTrue();
    sources.remove(Protocol.TCP, Family.IPV6, 0, 1, 5000);
    assertThat(sources.isEmpty()).isTrue();
  }
}
