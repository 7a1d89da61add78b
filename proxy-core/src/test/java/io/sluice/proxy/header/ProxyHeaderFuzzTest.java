package io.sluice.proxy.header;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.Config;
import io.sluice.config.ProxyProtocolOut;
import io.sluice.proxy.Pace;
import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.name.Resolver;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.relay.OneLoop;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Valid headers that are changed, cut, joined and repeated, and plain noise, for {@value #SECONDS}
 * seconds: no exception, no reading beyond the header, no byte of payload lost. Two thirds of the
 * time in memory, the rest over connections to a relay. Longer by {@code
 * -Dsluice.fuzz.seconds=3600}, as {@code make torture} does; one case again: {@code
 * -Dsluice.fuzz.seed=N}, which a failure names.
 */
@Timeout(value = 2, unit = TimeUnit.HOURS)
class ProxyHeaderFuzzTest {
  private static final int SECONDS = 3;
  private static final byte[] NONE = {};
  private static final byte[][] WORDS = {
    ProxyHeader.SIGNATURE,
    "PROXY ".getBytes(US_ASCII),
    "TCP4 ".getBytes(US_ASCII),
    "UNKNOWN".getBytes(US_ASCII),
    "\r\n".getBytes(US_ASCII),
    "::ffff:1.2.3.4".getBytes(US_ASCII),
    {0x21, 0x11, 0, 12},
    {3, 0, 4, 0, 0, 0, 0},
    {(byte) 0xff, (byte) 0xff}
  };

  private final ProxyHeader whole = new ProxyHeader();
  private final ProxyHeader pieces = new ProxyHeader();
  private long headers;

  @Test
  void noInputIsReadWrongly() {
    long inputs =
        run(
            2,
            (input, random) ->
                check(input, random.nextInt(5) == 0 ? Protocol.UDP : Protocol.TCP, random));
    System.out.printf("PROXY header fuzz: %d inputs, %d of them headers%n", inputs, headers);
  }

  @Test
  void noConnectionLosesAByteOfItsPayload() throws Exception {
    int port = TestDaemon.freePort();
    TestServer.Handler echo =
        connection -> {
          Streams.send(connection, "+");
          long _ = connection.getInputStream().transferTo(connection.getOutputStream());
        };
    try (TestServer server = TestServer.start(echo);
        OneLoop relay = relay(port, server)) {
      long inputs = run(1, (input, random) -> checkConnection(input, port, relay, random));
      System.out.printf(
          "PROXY header fuzz: %d connections, %d of them with headers%n", inputs, headers);
      TestDaemon.until("all ended", () -> relay.sessions() == 0);
    }
  }

  /** What is done with one input. */
  private interface Check {
    void of(byte[] input, Random random) throws IOException;
  }

  /** Runs one input, or as many as go into so many thirds of the time; how many there were. */
  private long run(int thirds, Check check) {
    Long only = Long.getLong("sluice.fuzz.seed");
    if (only != null) {
      runOne(only, check);
      return 1;
    }
    int seconds = Integer.getInteger("sluice.fuzz.seconds", SECONDS);
    long first = System.nanoTime();
    long end = first + Duration.ofSeconds(seconds).toNanos() * thirds / 3;
    long seed = first;
    do {
      runOne(seed++, check);
    } while (System.nanoTime() < end);
    assertThat(headers).as("the mutations leave some headers whole").isPositive();
    return seed - first;
  }

  private static void runOne(long seed, Check check) {
    Random random = new Random(seed);
    byte[] input = input(random);
    try {
      check.of(input, random);
    } catch (IOException | RuntimeException | AssertionError failure) {
      throw new AssertionError(
          "seed " + seed + ", input " + HexFormat.of().formatHex(input), failure);
    }
  }

  private static byte[] input(Random random) {
    byte[] input = header(random);
    if (random.nextInt(4) == 0) {
      input = joined(input, header(random));
    }
    for (int changes = random.nextInt(5); changes > 0; changes--) {
      input = changed(input, random);
    }
    byte[] payload = new byte[random.nextInt(64)];
    random.nextBytes(payload);
    return joined(input, payload);
  }

  private static byte[] header(Random random) {
    LookupContext context =
        new LookupContext()
            .of(
                random.nextBoolean() ? Protocol.TCP : Protocol.UDP,
                address(random, Family.IPV4),
                random.nextInt(65536),
                address(random, Family.IPV4),
                random.nextInt(65536),
                0);
    if (random.nextBoolean()) {
      context.of(
          context.protocol(),
          address(random, Family.IPV6),
          random.nextInt(65536),
          address(random, Family.IPV6),
          random.nextInt(65536),
          0);
    }
    ProxyProtocolOut spec =
        new ProxyProtocolOut(
            1 + random.nextInt(2),
            random.nextBoolean(),
            random.nextBoolean(),
            List.of(new ProxyProtocolOut.Tlv(0xe0, "x".repeat(random.nextInt(300)))),
            true,
            true);
    return new ProxyHeaderWriter(spec).header(context, NONE);
  }

  private static IpAddress address(Random random, Family family) {
    return family == Family.IPV4
        ? IpAddress.ipv4(random.nextInt())
        : IpAddress.ipv6(random.nextLong(), random.nextLong());
  }

  private static byte[] changed(byte[] input, Random random) {
    int at = random.nextInt(input.length + 1);
    return switch (random.nextInt(6)) {
      case 0 -> with(input, at, at < input.length ? input[at] ^ 1 << random.nextInt(8) : 0);
      case 1 -> with(input, at, random.nextInt());
      case 2 -> with(input, 12 + random.nextInt(4), random.nextInt()); // fields of version 2
      case 3 -> spliced(input, at, at, WORDS[random.nextInt(WORDS.length)]);
      case 4 -> spliced(input, at, Math.min(input.length, at + random.nextInt(8)), NONE);
      default -> Arrays.copyOf(input, at);
    };
  }

  private static byte[] with(byte[] input, int at, int value) {
    byte[] changed = input.clone();
    if (at < changed.length) {
      changed[at] = (byte) value;
    }
    return changed;
  }

  private static byte[] spliced(byte[] input, int from, int to, byte[] between) {
    byte[] end = Arrays.copyOfRange(input, to, input.length);
    return joined(joined(Arrays.copyOf(input, from), between), end);
  }

  private static byte[] joined(byte[] first, byte[] second) {
    byte[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }

  private void check(byte[] input, Protocol transport, Random random) {
    int before = random.nextInt(8);
    ByteBuffer in = ByteBuffer.wrap(joined(new byte[before], input)).position(before);
    int length = whole.read(in, transport);
    assertThat(in.position()).isEqualTo(before);
    assertThat(in.limit()).isEqualTo(before + input.length);
    assertThat(length)
        .isBetween(ProxyHeader.MALFORMED, Math.min(input.length, ProxyHeader.MAX_BYTES));
    if (length > 0) {
      headers++;
      byte[] tlvs = whole.tlvs(in);
      assertThat(tlvs.length).isLessThan(length);
      // What follows makes no difference: nothing beyond the header was looked at.
      byte[] other = input.clone();
      for (int i = length; i < other.length; i++) {
        other[i] ^= (byte) 0xff;
      }
      assertThat(pieces.read(ByteBuffer.wrap(other), transport)).isEqualTo(length);
      assertThat(pieces.tlvs(ByteBuffer.wrap(other))).isEqualTo(tlvs);
      assertThat(pieces.read(ByteBuffer.wrap(input, 0, length), transport)).isEqualTo(length);
    } else {
      assertThat(whole.hasAddresses()).isFalse();
    }
    if (transport == Protocol.TCP) {
      checkPieces(input, length, random);
    }
  }

  /** As it comes in segments: the outcome is the same, and no wake-up point lies behind it. */
  private void checkPieces(byte[] input, int expected, Random random) {
    int have = 0;
    int outcome = ProxyHeader.INCOMPLETE;
    while (outcome == ProxyHeader.INCOMPLETE && have < input.length) {
      have = Math.min(input.length, have + 1 + random.nextInt(20));
      outcome = pieces.read(ByteBuffer.wrap(input, 0, have), Protocol.TCP);
      if (outcome == ProxyHeader.INCOMPLETE) {
        assertThat(pieces.neededBytes()).isGreaterThan(have);
        if (expected > 0) {
          assertThat(pieces.neededBytes()).isLessThanOrEqualTo(expected);
        }
      }
    }
    if (input.length > 0) {
      assertThat(outcome).isEqualTo(expected);
    }
  }

  // ---- over connections

  private static OneLoop relay(int port, TestServer server) throws InterruptedException {
    Config config =
        TestDaemon.config(
            """
            capture:
              - {name: edge, protocols: [tcp], addresses: [127.0.0.1], ports: %d,
                 proxyProtocol: {from: [127.0.0.1], timeout: 1h}}
            bindings:
              - {label: all, protocol: tcp, prefix: 0.0.0.0/0, port: any}
              - {label: all, protocol: tcp, prefix: "::/0", port: any}
            destinations: [{label: all, protocol: tcp, %s}]
            """
                .formatted(port, server.targets()));
    return new OneLoop(config, Resolver.offline());
  }

  /**
   * Sends an input, and payload behind it, in pieces that the relay sees together or one by one:
   * what comes back is all that follows the header, or a reset that is counted.
   */
  private void checkConnection(byte[] start, int port, OneLoop relay, Random random)
      throws IOException {
    byte[] payload = new byte[random.nextInt(8) == 0 ? random.nextInt(200_000) : 0];
    random.nextBytes(payload);
    byte[] input = joined(start, payload);
    int length = whole.read(ByteBuffer.wrap(input), Protocol.TCP);
    boolean hasPort =
        !whole.hasAddresses() || whole.announced().localPort() != 0; // none has port 0
    Refusal refusal = length <= 0 ? Refusal.PROXY_HEADER : hasPort ? null : Refusal.NO_LISTENER;
    long refused = refusal == null ? 0 : relay.drops(refusal);
    byte[] answer = exchange(input, port, random);
    if (refusal == null) {
      headers++;
      byte[] rest = Arrays.copyOfRange(input, length, input.length);
      assertThat(answer).isEqualTo(joined(new byte[] {'+'}, rest));
    } else {
      assertThat(answer).as("refused for %s", refusal).isNull();
      assertThat(relay.drops(refusal)).isEqualTo(refused + 1);
    }
  }

  /** What comes back, to its end; null for a reset. */
  private static byte @Nullable [] exchange(byte[] input, int port, Random random)
      throws IOException {
    try (Socket client = Streams.connect(port)) {
      Thread sending = Thread.ofVirtual().start(() -> send(input, client, random));
      byte[] answer = client.getInputStream().readAllBytes();
      sending.join();
      return answer.length == 0 ? null : answer; // who sends may have seen the reset first
    } catch (SocketException reset) {
      assertThat(reset).hasMessageContaining("reset");
      return null;
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException(interrupted.getMessage());
    }
  }

  private static void send(byte[] input, Socket client, Random random) {
    int most = 1 << 1 + random.nextInt(6);
    boolean isSlow = random.nextInt(4) == 0;
    try {
      for (int sent = 0; sent < input.length; ) {
        int piece = sent < 1_000 ? 1 + random.nextInt(most) : input.length; // then the rest
        int next = Math.min(input.length, sent + piece);
        client.getOutputStream().write(input, sent, next - sent);
        sent = next;
        if (isSlow) {
          Pace.pauseMicros(random.nextInt(50)); // the relay may look now, or later
        }
      }
      client.shutdownOutput();
    } catch (IOException _) {
      // Reset: who reads sees it.
    }
  }
}
