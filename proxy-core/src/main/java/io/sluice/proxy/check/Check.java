package io.sluice.proxy.check;

import io.netty.util.concurrent.ScheduledFuture;
import io.sluice.config.CheckSpec;
import io.sluice.config.SourceSpec;
import io.sluice.config.TargetAddress;
import io.sluice.proxy.connect.Upstreams;
import io.sluice.proxy.health.Endpoint;
import io.sluice.proxy.health.LastCheck;
import io.sluice.proxy.health.Prober;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Descriptors;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.TimerWheel;
import io.sluice.proxy.observe.CheckResult;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.RateLimit;
import io.sluice.proxy.target.SourceAddresses;
import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks one endpoint again and again, and tells it when it has risen or fallen. Called on the
 * checks' loop only, but for {@link #doubted}.
 */
final class Check extends TimerWheel.Entry implements Prober {
  private static final Logger log = LoggerFactory.getLogger(Check.class);
  private static final RateLimit skipLog = new RateLimit(10_000);

  /** Intervals vary by up to this part of them, so that checks don't gather. */
  private static final double JITTER = 0.1;

  /** PROXY protocol version 2, LOCAL, no addresses. */
  private static final String LOCAL_V2 = "\r\n\r\n\0\r\nQUIT\n \0\0\0";

  private static final String LOCAL_V1 = "PROXY UNKNOWN\r\n";

  private final Key key;
  private final Loop loop;
  private final Counters counters;
  private final SourceAddresses sources;
  private final Sockaddr address = new Sockaddr();
  private boolean isUp;
  private boolean hasReported;
  private int good; // in a row
  private int bad;
  private long startedMillis;
  private boolean isOver;
  private @Nullable Probe probe;
  private @Nullable ScheduledFuture<?> next;

  /**
   * What makes two destinations' checks the same, so that the endpoint is asked once.
   *
   * @param host what HTTP says it wants; empty for other questions
   * @param headerVersion of the PROXY protocol; 0 for no header
   */
  record Key(
      Endpoint endpoint, CheckSpec spec, SourceSpec source, String host, int headerVersion) {}

  /** Its endpoint knows of it from now on. */
  Check(Key key, Loop loop, Counters counters) {
    this.key = key;
    this.loop = loop;
    this.counters = counters;
    this.sources =
        new SourceAddresses(
            key.source instanceof SourceSpec.Addresses own ? own.prefixes() : List.of());
    this.isUp = key.endpoint.probedBy(this);
  }

  void start(long delayMillis) {
    after(delayMillis);
  }

  /** Stops; the endpoint forgets it. */
  void stop() {
    isOver = true;
    cancelNext();
    if (probe != null) {
      probe.cancel();
      probe = null;
      loop.cancel(this);
      Descriptors.checks().give(1);
    }
    key.endpoint.leftBy(this);
  }

  private void cancelNext() {
    if (next != null) {
      next.cancel(false);
      next = null;
    }
  }

  private void after(long millis) {
    cancelNext();
    next = loop.events().schedule(this::ask, Math.max(1, millis), TimeUnit.MILLISECONDS);
  }

  private void ask() {
    next = null;
    startedMillis = loop.timeMillis();
    if (!Descriptors.checks().tryTake(1)) {
      skipped("descriptors");
      return;
    }
    int fd = open();
    if (fd < 0) {
      Descriptors.checks().give(1);
      failedToOpen(-fd);
      return;
    }
    Question question = Question.of(key.spec.question(), key.host);
    Protocol protocol = key.spec.protocol();
    probe = new Probe(loop, this, fd, protocol, question, header());
    loop.schedule(this);
    probe.begin();
  }

  private String header() {
    return switch (key.headerVersion) {
      case 0 -> "";
      case 1 -> LOCAL_V1;
      default -> LOCAL_V2;
    };
  }

  /** A socket that is connected, or being connected; or a negative errno. */
  private int open() {
    TargetAddress target = key.endpoint.address();
    int port = key.spec.port();
    switch (target) {
      case TargetAddress.Ip ip -> address.set(ip.address(), port == 0 ? ip.port() : port);
      case TargetAddress.Unix unix -> address.setUnix(unix.path());
      case TargetAddress.Host _, TargetAddress.Original _ ->
          throw new IllegalStateException(target + " can't be asked");
    }
    Syscalls calls = loop.syscalls();
    boolean isStream = key.spec.protocol() == Protocol.TCP;
    int fd = calls.socket(address.family(), isStream ? Linux.SOCK_STREAM : Linux.SOCK_DGRAM);
    if (fd < 0) {
      return fd;
    }
    int result = bind(fd, isStream);
    result = result < 0 ? result : calls.connect(fd, address);
    if (result < 0 && result != -Linux.EINPROGRESS && result != -Linux.EINTR) {
      int _ = calls.close(fd);
      return result;
    }
    return fd;
  }

  /** Binds to the destination's own address, if it has one; a client's is nobody's here. */
  private int bind(int fd, boolean isStream) {
    if (!(key.source instanceof SourceSpec.Addresses)) {
      return 0;
    }
    Family family = address.ipFamily();
    if (sources.count(family) == 0) {
      return -Linux.EADDRNOTAVAIL;
    }
    Sockaddr local = new Sockaddr();
    if (sources.write(family, sources.next(), local) && family == Family.IPV6) {
      int _ = loop.syscalls().setOption(fd, Linux.IPPROTO_IPV6, Linux.IPV6_FREEBIND, 1);
    }
    if (isStream) {
      int _ = loop.syscalls().setOption(fd, Linux.IPPROTO_IP, Linux.IP_BIND_ADDRESS_NO_PORT, 1);
    }
    return loop.syscalls().bind(fd, local);
  }

  private void failedToOpen(int errno) {
    switch (errno) {
      case Linux.EMFILE, Linux.ENFILE, Linux.ENOMEM, Linux.ENOBUFS, Linux.EADDRNOTAVAIL ->
          skipped(Linux.errnoName(errno));
      default ->
          judged(Finding.bad(Upstreams.reason(errno).word() + " (" + errnoWord(errno) + ")"));
    }
  }

  private static String errnoWord(int errno) {
    return Linux.errnoName(errno).toLowerCase(Locale.ROOT);
  }

  /** Nothing was found out, and that wasn't the target's fault. */
  private void skipped(String why) {
    counters.checks(CheckResult.SKIPPED).increment();
    if (skipLog.permits()) {
      log.warn(
          "check not made target={} reason={} suppressed={}",
          key.endpoint,
          why,
          skipLog.suppressed());
    }
    after(key.spec.fastInterval().toMillis());
  }

  /** The probe has ended. */
  void ended(@Nullable Finding outcome) {
    probe = null;
    loop.cancel(this);
    Descriptors.checks().give(1);
    if (outcome == null) {
      skipped("epoll");
    } else {
      judged(outcome);
    }
  }

  private void judged(Finding outcome) {
    long tookMillis = loop.timeMillis() - startedMillis;
    key.endpoint.checked(new LastCheck(outcome.isGood(), outcome.why(), Instant.now(), tookMillis));
    counters.checks(outcome.isGood() ? CheckResult.GOOD : CheckResult.BAD).increment();
    if (outcome.isGood()) {
      good++;
      bad = 0;
      if (isUp ? !hasReported : good >= key.spec.rise()) {
        report(true, outcome, good);
      }
    } else {
      bad++;
      good = 0;
      if (isUp && (bad >= key.spec.fall() || key.endpoint.isStarting())) {
        report(false, outcome, bad);
      }
    }
    if (!isOver) {
      boolean isChanging = isUp ? bad > 0 : good > 0;
      long millis = (isChanging ? key.spec.fastInterval() : key.spec.interval()).toMillis();
      double jitter = 1 + JITTER * (2 * ThreadLocalRandom.current().nextDouble() - 1);
      after(startedMillis + (long) (millis * jitter) - loop.timeMillis());
    }
  }

  private void report(boolean isUpNow, Finding outcome, int times) {
    isUp = isUpNow;
    hasReported = true;
    String why = "check: " + outcome.why() + (times > 1 ? ", " + times + " in a row" : "");
    if (isUpNow) {
      key.endpoint.passed(this, why);
    } else {
      key.endpoint.refused(this, why);
    }
  }

  @Override
  public void doubted() {
    loop.execute(() -> {
      isUp = false;
      good = 0;
      bad = 0;
      if (!isOver && probe == null) {
        after(0);
      }
    });
  }

  @Override
  protected long deadlineMillis() {
    return startedMillis + key.spec.timeout().toMillis();
  }

  @Override
  protected void expired() {
    if (probe != null) {
      probe.timeUp();
    }
  }
}
