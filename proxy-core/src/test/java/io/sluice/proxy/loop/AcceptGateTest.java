package io.sluice.proxy.loop;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.IoEventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.arrival.CaptureSocket;
import io.sluice.proxy.capture.Acceptor;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.observe.Counters;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
final class AcceptGateTest {
  private final MultiThreadIoEventLoopGroup group =
      new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
  private final IoEventLoop events = group.next();
  private final Loop loop = new Loop(events, 0, new BufferLimit(64 << 20));
  private final Counters counters = new Counters();
  private final SessionLimit limit = new SessionLimit(1);
  private final AcceptGate gate = new AcceptGate(loop, limit, counters);
  private final Acceptor acceptor =
      new Acceptor(loop, listening(), gate, (_, _, _) -> gate.leave());

  private static CaptureSocket listening() {
    Syscalls syscalls = new Syscalls();
    int fd = syscalls.socket(Linux.AF_INET, Linux.SOCK_STREAM);
    IpAddress address = IpAddress.ipv4(0x7f000001);
    int port = TestDaemon.freePort();
    assertThat(syscalls.bind(fd, new Sockaddr().set(address, port))).isZero();
    assertThat(syscalls.listen(fd, 8)).isZero();
    return CaptureSocket.bound(fd, Protocol.TCP, address, port, (_, _, _, _, _) -> true);
  }

  private <T> T onLoop(Callable<T> action) throws Exception {
    return events.submit(action).get(5, TimeUnit.SECONDS);
  }

  @AfterEach
  void stop() throws InterruptedException {
    events.execute(acceptor::close);
    boolean _ = group.shutdownGracefully(0, 1, TimeUnit.SECONDS).await(5, TimeUnit.SECONDS);
  }

  @Test
  void anAcceptorThatIsWokenOftenWhileTheLimitIsReachedWaitsOnce() throws Exception {
    assertThat(limit.tryOpen()).isTrue();
    for (int i = 0; i < 100; i++) {
      assertThat(onLoop(() -> gate.tryEnter(acceptor))).isFalse();
    }
    assertThat(onLoop(gate::waiting)).isEqualTo(1);
    assertThat(counters.acceptPauses().sum()).isZero();
    limit.close();
    TestDaemon.until("nobody waits", () -> onLoop(gate::waiting) == 0);
    assertThat(onLoop(() -> gate.tryEnter(acceptor))).isTrue();
    gate.leave();
    assertThat(limit.active()).isZero();
  }

  @Test
  void aPauseIsCountedOnceAndEndsByItself() throws Exception {
    boolean[] entered = new boolean[2];
    events
        .submit(() -> {
          gate.pause("EMFILE");
          gate.pause("EMFILE");
          entered[0] = gate.tryEnter(acceptor);
        })
        .get(5, TimeUnit.SECONDS);
    assertThat(entered[0]).isFalse();
    assertThat(counters.acceptPauses().sum()).isEqualTo(1);
    TestDaemon.until("it opens", () -> onLoop(() -> gate.tryEnter(acceptor)));
    assertThat(limit.active()).isEqualTo(1);
  }

  @Test
  void aLowerLimitLetsThoseWhoAreInStay() {
    SessionLimit two = new SessionLimit(2);
    assertThat(two.tryOpen()).isTrue();
    assertThat(two.tryOpen()).isTrue();
    assertThat(two.tryOpen()).isFalse();
    two.limit(1);
    two.close();
    assertThat(two.tryOpen()).isFalse();
    two.close();
    assertThat(two.tryOpen()).isTrue();
    assertThat(two.active()).isEqualTo(1);
  }
}
