package io.sluice.proxy.linux;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.IpAddress;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RoutesTest {
  private final Routes routes = new Routes(new Syscalls());

  private boolean leadHere(String address, boolean ifUnknown) {
    IpAddress it = IpAddress.parse(address);
    return routes.leadHere(it.family(), it.high(), it.low(), ifUnknown);
  }

  @ParameterizedTest
  @CsvSource({"127.0.0.1", "127.0.0.23", "127.255.0.1", "::1"})
  void whatIsSentToLoopbackStaysHere(String address) {
    assertThat(leadHere(address, false)).isTrue();
  }

  /** Whether or not there is a route to them. */
  @ParameterizedTest
  @CsvSource({"192.0.2.1", "2001:db8::1"})
  void whatIsSentToAnotherMachineDoesNot(String address) {
    assertThat(leadHere(address, true)).isFalse();
  }
}
