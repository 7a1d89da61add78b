package io.sluice.proxy.fuzz;

import io.sluice.config.ConfigException;
import io.sluice.config.ConfigReader;
import io.sluice.config.HostPort;
import io.sluice.config.Lookup;
import io.sluice.config.TargetAddress;
import io.sluice.proxy.header.ProxyHeader;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Payload;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.reuseport.ConnectionIds;
import io.sluice.steering.reuseport.QuicProgram;
import io.sluice.steering.reuseport.ReuseportGroup;
import io.sluice.steering.stream.LengthFieldParser;
import io.sluice.steering.stream.LineParser;
import io.sluice.steering.stream.OctetCountedParser;
import io.sluice.steering.stream.StreamParser;
import io.sluice.steering.stream.Strparser;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * The parsers, each as a function of any bytes: it takes them, or says no as it is said to, and
 * what it took has the properties that it promises. Anything else throws.
 *
 * <p>To add a parser, add a constant: {@link FuzzTargetTest} and {@link ParserFuzz} run it.
 */
enum FuzzTarget {
  CONFIGURATION(examples()) {
    @Override
    void run(byte[] input) {
      try {
        var _ = ConfigReader.load("f", text(input), Map.of("VAR", "value"));
      } catch (ConfigException refused) {
        check(!refused.problems().isEmpty(), "refused without a problem");
        check(
            refused.getMessage().lines().count() == refused.problems().size(),
            "a problem of several lines");
      }
    }
  },
  ADDRESS(
      "127.0.0.1",
      "0.0.0.0",
      "255.255.255.255",
      "2001:db8::1",
      "::",
      "::ffff:192.0.2.1",
      "1:2:3:4:5:6:7:8") {
    @Override
    void run(byte[] input) {
      readsItsOwn(IpAddress::parse, text(input));
    }
  },
  PREFIX("192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32", "::/0", "::1/128", "192.0.2.1") {
    @Override
    void run(byte[] input) {
      readsItsOwn(IpPrefix::parse, text(input));
      readsItsOwn(
          text -> {
            IpPrefix prefix = IpPrefix.parse(text);
            IpAddress address = prefix.address();
            check(
                prefix.contains(address.family(), address.high(), address.low()),
                "a prefix without its own address");
            return prefix;
          },
          text(input));
    }
  },
  PORTS("80", "any", "9000-9099", "1-65535", "65535") {
    @Override
    void run(byte[] input) {
      readsItsOwn(PortRange::parse, text(input));
    }
  },
  LOOKUP("tcp 203.0.113.9:51234 127.0.1.7:8080", "udp [2001:db8::1]:5000 [::1]:53") {
    @Override
    void run(byte[] input) {
      readsItsOwn(Lookup::parse, text(input));
    }
  },
  TARGET(
      "127.0.0.1:8081",
      "[2001:db8::1]:80",
      "web.internal:80",
      "unix:/run/web.sock",
      "original",
      "original:8080") {
    @Override
    void run(byte[] input) {
      readsItsOwn(TargetAddress::parse, text(input));
    }
  },
  HOST_PORT("127.0.0.1:9901", "[::1]:9901", "0.0.0.0:0") {
    @Override
    void run(byte[] input) {
      readsItsOwn(HostPort::parse, text(input));
    }
  },
  SOCKADDR("\2\0\0\120\177\0\0\1", "\12\0\0\120\0\0\0\0\40\1\15\270aaaabbbbcccc", "\1\0/run/x") {
    @Override
    void run(byte[] input) {
      Sockaddr read = new Sockaddr();
      MemorySegment memory =
          MemorySegment.ofAddress(read.address()).reinterpret(Sockaddr.MAX_BYTES);
      int length = Math.min(input.length, Sockaddr.MAX_BYTES);
      MemorySegment.copy(input, 0, memory, ValueLayout.JAVA_BYTE, 0, length);
      Sockaddr written = new Sockaddr();
      written.set(read.ipFamily(), read.high(), read.low(), read.port());
      check(written.port() == read.port(), "another port");
      check(written.high() == read.high() && written.low() == read.low(), "another address");
    }
  },
  LINES("one\n", "one\r\ntwo\n\nthree") {
    @Override
    void run(byte[] input) {
      staysWithinTheStream(new LineParser(), input);
    }
  },
  OCTET_COUNTED("5 hello", "11 <134>1 text3 abc", "300 x") {
    @Override
    void run(byte[] input) {
      staysWithinTheStream(new OctetCountedParser(), input);
    }
  },
  LENGTH_FIELD("\0\5hello", "\0\0\0\0\377\377\377\377") {
    @Override
    void run(byte[] input) {
      staysWithinTheStream(new LengthFieldParser(0, 2, true, 0), input);
      staysWithinTheStream(new LengthFieldParser(1, 8, false, -3), input);
    }
  },
  PROXY_HEADER(
      "PROXY TCP4 203.0.113.9 198.51.100.1 56324 443\r\npayload",
      "PROXY TCP6 2001:db8::9 2001:db8::1 56324 443\r\n",
      "PROXY UNKNOWN\r\n",
      FuzzTarget.V2 + "\41\21\0\14abcdefgh\334\4\1\273payload",
      FuzzTarget.V2 + "\41\41\0\60aaaabbbbccccddddaaaabbbbccccdddd\334\4\1\273\2\0\4name\5\0\2id",
      FuzzTarget.V2 + "\41\22\0\23abcdefgh\334\4\1\273\3\0\4\0\0\0\0",
      FuzzTarget.V2 + "\40\0\0\0") {
    @Override
    void run(byte[] input) {
      staysWithinTheHeader(input, Protocol.TCP);
      staysWithinTheHeader(input, Protocol.UDP);
    }
  },
  QUIC(
      "\300\0\0\0\1\10abcdefgh\4wxyz",
      "\100abcdefgh0123",
      "\300\0\0\0\1\24aaaaaaaaaabbbbbbbbbb\24") {
    @Override
    void run(byte[] input) {
      ConnectionIds ids = new ConnectionIds(64, 1_000, () -> 0);
      Socket server =
          Socket.bound(Protocol.UDP, IpAddress.ANY_IPV6, 443).attachment("server").build();
      QuicProgram program = new QuicProgram(ids, 8, List.of(new ReuseportGroup.Member(server, 1)));
      Payload datagram = Payload.of(input);
      var _ = program.connection(datagram);
      var _ = program.learn(datagram, server);
      var _ = program.connection(datagram);
    }
  };

  /** The signature of a PROXY header of version 2. */
  private static final String V2 = "\r\n\r\n\0\r\nQUIT\n";

  /** A PROXY header is what it is whatever follows, and no less than all of it is one. */
  private static void staysWithinTheHeader(byte[] input, Protocol transport) {
    ProxyHeader header = new ProxyHeader();
    ByteBuffer in = ByteBuffer.wrap(input);
    int length = header.read(in, transport);
    check(in.position() == 0 && in.limit() == input.length, "the buffer was changed");
    check(
        length >= ProxyHeader.MALFORMED && length <= Math.min(input.length, ProxyHeader.MAX_BYTES),
        "a header of " + length + " bytes");
    if (length == ProxyHeader.INCOMPLETE) {
      check(
          header.neededBytes() > input.length && header.neededBytes() <= ProxyHeader.MAX_BYTES,
          "waits for " + header.neededBytes() + " bytes");
    } else if (length == ProxyHeader.MALFORMED) {
      check(!header.problem().isEmpty() && !header.hasAddresses(), "refused without a reason");
    } else {
      byte[] tlvs = header.tlvs(in);
      byte[] other = input.clone();
      for (int i = length; i < other.length; i++) {
        other[i] ^= (byte) 0xff;
      }
      check(header.read(ByteBuffer.wrap(other), transport) == length, "looked at what follows");
      check(Arrays.equals(header.tlvs(ByteBuffer.wrap(other)), tlvs), "other TLVs");
      check(
          header.read(ByteBuffer.wrap(input, 0, length - 1), transport)
              == (transport == Protocol.TCP ? ProxyHeader.INCOMPLETE : ProxyHeader.MALFORMED),
          "a part is taken for the whole");
    }
  }

  /**
   * Cuts a stream, a third of it at first and then all, into messages: each within what is there,
   * and no more of them than bytes.
   */
  private static void staysWithinTheStream(StreamParser parser, byte[] input) {
    Strparser stream = new Strparser(parser, 64, 0);
    ByteBuffer bytes = ByteBuffer.wrap(input);
    int from = 0;
    for (int until : new int[] {input.length / 3, input.length}) {
      int length = stream.next(bytes, from, until, 0);
      while (length > 0) {
        check(length <= until - from && length <= 64, "a message of " + length + " bytes");
        from += length;
        length = stream.next(bytes, from, until, 0);
      }
    }
    check(stream.failure() == null, "threw " + stream.failure());
  }

  @SuppressWarnings("ImmutableEnumChecker") // nobody writes into them
  private final List<byte[]> seeds;

  FuzzTarget(String... seeds) {
    this.seeds = Stream.of(seeds).map(it -> it.getBytes(StandardCharsets.ISO_8859_1)).toList();
  }

  /**
   * Takes any input.
   *
   * @throws RuntimeException or an Error if the parser does what it may not
   */
  abstract void run(byte[] input);

  /** Valid inputs, to start from. */
  List<byte[]> seeds() {
    return seeds;
  }

  private static String text(byte[] input) {
    return new String(input, StandardCharsets.UTF_8);
  }

  private static void check(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalStateException(otherwise);
    }
  }

  /** What is parsed and written is parsed again, and is the same; what can't be parsed says so. */
  private static <T> void readsItsOwn(Function<String, T> parser, String text) {
    T parsed;
    try {
      parsed = parser.apply(text);
    } catch (IllegalArgumentException refused) {
      String why = refused.getMessage();
      check(why != null && !why.isEmpty(), "refused without a reason");
      return;
    }
    T again;
    try {
      again = parser.apply(parsed.toString());
    } catch (IllegalArgumentException refused) {
      throw new IllegalStateException("doesn't read what it wrote: " + parsed, refused);
    }
    check(again.equals(parsed), "reads something else than it wrote: " + parsed);
  }

  private static String[] examples() {
    try (Stream<Path> files = Files.list(Path.of("../deploy/examples"))) {
      return files
          .filter(file -> file.toString().endsWith(".yaml"))
          .sorted()
          .map(FuzzTarget::read)
          .toArray(String[]::new);
    } catch (IOException missing) {
      throw new UncheckedIOException(missing);
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (IOException missing) {
      throw new UncheckedIOException(missing);
    }
  }
}
