package io.sluice.proxy.header;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProxyHeaderTest {
  private static final String SIGNATURE = "0d0a0d0a000d0a515549540a";
  private static final String ADDRESSES = "c0000209" + "c6336401" + "dc04" + "01bb";
  private static final byte[] NONE = {};

  private final ProxyHeader header = new ProxyHeader();

  @ParameterizedTest
  @CsvSource({
    "PROXY TCP4 192.0.2.9 198.51.100.1 56324 443, 192.0.2.9, 56324, 198.51.100.1, 443",
    "PROXY TCP6 2001:db8::9 2001:db8::1 1 65535, 2001:db8::9, 1, 2001:db8::1, 65535",
    "PROXY TCP4 255.255.255.255 0.0.0.0 0 0, 255.255.255.255, 0, 0.0.0.0, 0",
  })
  void aVersion1LineTellsBothAddresses(
      String line, String source, int sourcePort, String destination, int destinationPort) {
    byte[] bytes = (line + "\r\nGET /").getBytes(StandardCharsets.US_ASCII);

    assertThat(header.read(ByteBuffer.wrap(bytes), Protocol.TCP)).isEqualTo(bytes.length - 5);
    assertThat(header.version()).isEqualTo(1);
    assertThat(header.hasAddresses()).isTrue();
    assertThat(source()).isEqualTo(IpAddress.parse(source));
    assertThat(destination()).isEqualTo(IpAddress.parse(destination));
    assertThat(header.sourcePort()).isEqualTo(sourcePort);
    assertThat(header.destinationPort()).isEqualTo(destinationPort);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "GET / HTTP/1.1 | no PROXY protocol header",
        "PROXY TCP5 192.0.2.9 198.51.100.1 1 2 | neither TCP4 nor TCP6 nor UNKNOWN",
        "PROXY tcp4 192.0.2.9 198.51.100.1 1 2 | neither TCP4 nor TCP6 nor UNKNOWN",
        "PROXY TCP4 192.0.2.9 198.51.100.1 1 | not two addresses and two ports",
        "PROXY TCP4 192.0.2.9 198.51.100.1 1 2 3 | not two addresses and two ports",
        "PROXY TCP4  192.0.2.9 198.51.100.1 1 2 | not two addresses and two ports",
        "PROXY TCP4 192.0.2.9 198.51.100.1 01 2 | a port that isn't a number from 0 to 65535",
        "PROXY TCP4 192.0.2.9 198.51.100.1 1 65536 | a port that isn't a number from 0 to 65535",
        "PROXY TCP4 192.0.2.9 198.51.100.1 -1 2 | a port that isn't a number from 0 to 65535",
        "PROXY TCP4 192.0.2.09 198.51.100.1 1 2 | an address that is none",
        "PROXY TCP4 2001:db8::1 2001:db8::2 1 2 | an address of the other family",
        "PROXY TCP6 192.0.2.9 198.51.100.1 1 2 | an address of the other family",
      })
  void aWrongLineIsMalformed(String line, String problem) {
    byte[] bytes = (line + "\r\n").getBytes(StandardCharsets.US_ASCII);

    assertThat(header.read(ByteBuffer.wrap(bytes), Protocol.TCP)).isEqualTo(ProxyHeader.MALFORMED);
    assertThat(header.problem()).isEqualTo(problem);
    assertThat(header.hasAddresses()).isFalse();
  }

  @Test
  void aLineWithoutCarriageReturnOrTooLongIsMalformed() {
    assertThat(read("PROXY UNKNOWN\n", Protocol.TCP)).isEqualTo(ProxyHeader.MALFORMED);
    assertThat(read("PROXY UNKNOWN " + "x".repeat(93), Protocol.TCP))
        .isEqualTo(ProxyHeader.MALFORMED);
    assertThat(read("PROXY UNKNOWN " + "x".repeat(91) + "\r\n", Protocol.TCP)).isEqualTo(107);
    assertThat(read("PROXY UNKNOWN " + "x".repeat(92) + "\r\n", Protocol.TCP))
        .isEqualTo(ProxyHeader.MALFORMED);
  }

  @Test
  void unknownAndLocalSayNothing() {
    assertThat(read("PROXY UNKNOWN whatever 1 2\r\n", Protocol.TCP)).isEqualTo(28);
    assertThat(header.hasAddresses()).isFalse();
    assertThat(readHex(SIGNATURE + "20000000", Protocol.TCP)).isEqualTo(16);
    assertThat(header.hasAddresses()).isFalse();
    assertThat(readHex(SIGNATURE + "2011000c" + ADDRESSES, Protocol.TCP)).isEqualTo(28);
    assertThat(header.hasAddresses()).isFalse();
    assertThat(readHex(SIGNATURE + "21000000", Protocol.TCP)).isEqualTo(16);
    assertThat(header.hasAddresses()).isFalse();
    assertThat(readHex(SIGNATURE + "213100d8" + "00".repeat(216), Protocol.TCP)).isEqualTo(232);
    assertThat(header.hasAddresses()).isFalse();
  }

  @Test
  void aVersion2HeaderTellsBothAddresses() {
    assertThat(readHex(SIGNATURE + "2111000c" + ADDRESSES, Protocol.TCP)).isEqualTo(28);
    assertThat(source()).hasToString("192.0.2.9");
    assertThat(destination()).hasToString("198.51.100.1");
    assertThat(header.sourcePort()).isEqualTo(56324);
    assertThat(header.destinationPort()).isEqualTo(443);
    assertThat(readHex(SIGNATURE + "2112000c" + ADDRESSES, Protocol.UDP)).isEqualTo(28);
  }

  @ParameterizedTest
  @CsvSource({
    "3111000c, version isn't 2 behind the signature of version 2",
    "2211000c, a command other than LOCAL and PROXY",
    "2141000c, an address family or transport that isn't defined",
    "2113000c, an address family or transport that isn't defined",
    "2112000c, a transport other than the one it came by",
    "2111000b, too short for its addresses",
    "2111ffff, longer than 16 KiB",
    "2111000e, a TLV that is cut short",
    "21110010, a TLV that is longer than the header",
    "2111000f, 'a checksum that isn''t 4 bytes, or a second one'",
  })
  void aWrongVersion2HeaderIsMalformed(String fields, String problem) {
    String tlv = fields.equals("2111000f") ? "030000" : "010009ff";

    assertThat(readHex(SIGNATURE + fields + ADDRESSES + tlv + "0000", Protocol.TCP))
        .isEqualTo(ProxyHeader.MALFORMED);
    assertThat(header.problem()).isEqualTo(problem);
  }

  @Test
  void datagramsBringWholeVersion2HeadersOnly() {
    assertThat(read("PROXY UNKNOWN\r\n", Protocol.UDP)).isEqualTo(ProxyHeader.MALFORMED);
    assertThat(readHex(SIGNATURE.substring(0, 10), Protocol.UDP)).isEqualTo(ProxyHeader.MALFORMED);
    assertThat(readHex(SIGNATURE + "2112000cc0", Protocol.UDP)).isEqualTo(ProxyHeader.MALFORMED);
    assertThat(read("", Protocol.UDP)).isEqualTo(ProxyHeader.MALFORMED);
  }

  @Test
  void aChecksumIsHeld() {
    LookupContext context = context(new Random(1), Protocol.TCP);
    ByteBuffer out = ByteBuffer.allocate(100);
    int length = new ProxyHeaderWriter(2, true, NONE).write(context, NONE, NONE, out);
    int typeAt = length - 7; // damaged, there is no checksum any more, and none to be missed
    for (int i = 0; i < length; i++) {
      if (i == typeAt) {
        continue;
      }
      byte[] damaged = Arrays.copyOf(out.array(), length);
      damaged[i] ^= 0x40;

      assertThat(header.read(ByteBuffer.wrap(damaged), Protocol.TCP))
          .as("byte %d damaged", i)
          .isNotEqualTo(length);
    }
  }

  @Test
  void whatIsWrittenIsReadWhateverItsPiecesAndWhateverFollows() {
    for (int seed = 0; seed < 2_000; seed++) {
      Random random = new Random(seed);
      Protocol protocol = random.nextBoolean() ? Protocol.TCP : Protocol.UDP;
      int version = protocol == Protocol.TCP && random.nextInt(3) == 0 ? 1 : 2;
      LookupContext context = context(random, protocol);
      byte[] custom = ProxyHeaderWriter.tlv(0xe0 + random.nextInt(16), bytes(random, 40));
      byte[] passedOn = ProxyHeaderWriter.tlv(0x02, bytes(random, 60));
      byte[] uniqueId = bytes(random, 128);
      ByteBuffer out = ByteBuffer.allocate(1_000);
      ProxyHeaderWriter writer = new ProxyHeaderWriter(version, random.nextBoolean(), custom);
      int length = writer.write(context, uniqueId, passedOn, out);
      assertThat(out.position()).as("seed %d", seed).isEqualTo(length);
      ByteBuffer all = ByteBuffer.wrap(out.array(), 0, Math.min(1_000, length + 100));

      if (protocol == Protocol.TCP) {
        for (int piece = 0; piece < length; piece++) {
          assertThat(header.read(ByteBuffer.wrap(out.array(), 0, piece), protocol))
              .as("seed %d, the first %d bytes", seed, piece)
              .isEqualTo(ProxyHeader.INCOMPLETE);
        }
      }
      assertThat(header.read(all, protocol)).as("seed %d", seed).isEqualTo(length);
      assertThat(all.position()).isZero();
      assertThat(source()).as("seed %d", seed).isEqualTo(context.remote());
      assertThat(destination()).as("seed %d", seed).isEqualTo(context.local());
      assertThat(header.sourcePort()).isEqualTo(context.remotePort());
      assertThat(header.destinationPort()).isEqualTo(context.localPort());
      if (version == 2) {
        byte[] id = uniqueId.length == 0 ? NONE : ProxyHeaderWriter.tlv(5, uniqueId);
        assertThat(header.tlvs(all))
            .as("seed %d", seed)
            .isEqualTo(
                ByteBuffer.allocate(custom.length + passedOn.length + id.length)
                    .put(custom)
                    .put(passedOn)
                    .put(id)
                    .array());
      }
    }
  }

  @Test
  void tlvsThatWouldMakeTheHeaderTooLongStayBehind() {
    LookupContext context = context(new Random(3), Protocol.TCP);
    ByteBuffer out = ByteBuffer.allocate(ProxyHeader.MAX_BYTES + 100);
    byte[] passedOn = ProxyHeaderWriter.tlv(2, new byte[ProxyHeader.MAX_BYTES - 10]);

    int length = new ProxyHeaderWriter(2, false, NONE).write(context, NONE, passedOn, out);

    assertThat(length).isLessThan(100);
    assertThat(header.read(ByteBuffer.wrap(out.array(), 0, length), Protocol.TCP))
        .isEqualTo(length);
  }

  private int read(String text, Protocol transport) {
    return header.read(ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII)), transport);
  }

  private int readHex(String hex, Protocol transport) {
    return header.read(ByteBuffer.wrap(HexFormat.of().parseHex(hex)), transport);
  }

  private IpAddress source() {
    return IpAddress.of(header.family(), header.sourceHigh(), header.sourceLow());
  }

  private IpAddress destination() {
    return IpAddress.of(header.family(), header.destinationHigh(), header.destinationLow());
  }

  private static byte[] bytes(Random random, int most) {
    byte[] bytes = new byte[random.nextInt(most + 1)];
    random.nextBytes(bytes);
    return bytes;
  }

  private static LookupContext context(Random random, Protocol protocol) {
    LookupContext context = new LookupContext();
    int remotePort = random.nextInt(65536);
    int localPort = random.nextInt(65536);
    return random.nextBoolean()
        ? context.ipv4(protocol, random.nextInt(), remotePort, random.nextInt(), localPort, 0)
        : context.of(
            protocol,
            IpAddress.of(Family.IPV6, random.nextLong(), random.nextLong()),
            remotePort,
            IpAddress.of(Family.IPV6, random.nextLong(), random.nextLong()),
            localPort,
            0);
  }
}
