package io.sluice.proxy.header;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.haproxy.HAProxyMessage;
import io.netty.handler.codec.haproxy.HAProxyMessageDecoder;
import io.netty.handler.codec.haproxy.HAProxyMessageEncoder;
import io.sluice.config.ProxyProtocolOut;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
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
    assertThat(header.announced().remotePort()).isEqualTo(sourcePort);
    assertThat(header.announced().localPort()).isEqualTo(destinationPort);
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
    assertThat(header.announced().remotePort()).isEqualTo(56324);
    assertThat(header.announced().localPort()).isEqualTo(443);
    assertThat(readHex(SIGNATURE + "2112000c" + ADDRESSES, Protocol.UDP)).isEqualTo(28);
  }

  @ParameterizedTest
  @CsvSource({
    "3111000c, version isn't 2 behind the signature of version 2",
    "2211000c, a command other than LOCAL and PROXY",
    "2114000c, an address family or transport that isn't defined",
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
  void aLocalHeaderIsTakenWhateverItSays() {
    assertThat(readHex(SIGNATURE + "20ff0004" + "01000900", Protocol.TCP)).isEqualTo(20);
    assertThat(header.hasAddresses()).isFalse();
    assertThat(readHex(SIGNATURE + "20110000", Protocol.UDP)).isEqualTo(16);
  }

  @Test
  void onlyCombinationsThatAreDefinedAreTaken() {
    for (int combination = 0; combination < 256; combination++) {
      String fields = String.format("21%02x00d8", combination);
      boolean isDefined =
          switch (combination) {
            case 0x00, 0x11, 0x21, 0x31, 0x32 -> true;
            default -> false; // 0x12 and 0x22 are defined, but not what it came by
          };
      assertThat(readHex(SIGNATURE + fields + "00".repeat(216), Protocol.TCP))
          .as("family and transport %02x", combination)
          .isEqualTo(isDefined ? 232 : ProxyHeader.MALFORMED);
    }
  }

  @Test
  void mappedAddressesAreTheIpv4AddressesThatTheyStandFor() {
    assertThat(read("PROXY TCP6 ::ffff:192.0.2.9 ::ffff:198.51.100.1 56324 443\r\n", Protocol.TCP))
        .isPositive();
    assertThat(source()).hasToString("192.0.2.9");
    assertThat(destination()).hasToString("198.51.100.1");
    String mapped = "00".repeat(10) + "ffff";
    String addresses = mapped + "c0000209" + mapped + "c6336401" + "dc0401bb";
    assertThat(readHex(SIGNATURE + "21210024" + addresses, Protocol.TCP)).isEqualTo(52);
    assertThat(source()).hasToString("192.0.2.9");
    assertThat(header.announced().remotePort()).isEqualTo(56324);
  }

  @ParameterizedTest
  @CsvSource({"0, 15", "6, 15", "14, 16", "30, 32", "44, 46", "45, 46"})
  void aPartOfALineSaysHowMuchMoreItIsWorthWaitingFor(int part, int needed) {
    String line = "PROXY TCP4 192.0.2.9 198.51.100.1 1 2 3 4 5".substring(0, 43) + "6\r\n";
    String start = part == 0 ? "P" : line.substring(0, part);

    assertThat(read(start, Protocol.TCP)).isEqualTo(ProxyHeader.INCOMPLETE);
    assertThat(header.neededBytes()).isEqualTo(needed);
  }

  @Test
  void aPartOfVersion2SaysHowMuchMoreItIsWorthWaitingFor() {
    assertThat(readHex("0d", Protocol.TCP)).isEqualTo(ProxyHeader.INCOMPLETE);
    assertThat(header.neededBytes()).isEqualTo(16);
    assertThat(readHex(SIGNATURE + "21110123", Protocol.TCP)).isEqualTo(ProxyHeader.INCOMPLETE);
    assertThat(header.neededBytes()).isEqualTo(16 + 0x123);
  }

  @Test
  void aChecksumIsHeld() {
    LookupContext context = context(new Random(1), Protocol.TCP);
    byte[] whole = writer(2, false, true, List.of(), false).header(context, NONE);
    int typeAt = whole.length - 7; // damaged, there is no checksum any more, and none to be missed
    for (int i = 0; i < whole.length; i++) {
      if (i == typeAt) {
        continue;
      }
      byte[] damaged = whole.clone();
      damaged[i] ^= 0x40;
      ByteBuffer in = ByteBuffer.wrap(damaged);

      assertThat(header.read(in, Protocol.TCP)).as("byte %d damaged", i).isNotEqualTo(whole.length);
      assertThat(in.position()).isZero();
      assertThat(in.limit()).isEqualTo(whole.length);
    }
  }

  @Test
  void whatIsWrittenIsReadWhateverItsPiecesAndWhateverFollows() {
    for (int seed = 0; seed < 2_000; seed++) {
      Random random = new Random(seed);
      Protocol protocol = random.nextBoolean() ? Protocol.TCP : Protocol.UDP;
      int version = protocol == Protocol.TCP && random.nextInt(3) == 0 ? 1 : 2;
      LookupContext context = context(random, protocol);
      ProxyProtocolOut.Tlv custom =
          new ProxyProtocolOut.Tlv(0xe0 + random.nextInt(16), "x".repeat(random.nextInt(40)));
      byte[] cameIn = tlv(0x02, bytes(random, 60));
      ProxyHeaderWriter writer =
          writer(version, false, random.nextBoolean(), List.of(custom), true);
      byte[] written = writer.header(context, cameIn);
      byte[] longer = Arrays.copyOf(written, written.length + random.nextInt(100));
      ByteBuffer all = ByteBuffer.wrap(longer);

      if (protocol == Protocol.TCP) {
        for (int piece = 0; piece < written.length; piece++) {
          assertThat(header.read(ByteBuffer.wrap(written, 0, piece), protocol))
              .as("seed %d, the first %d bytes", seed, piece)
              .isEqualTo(ProxyHeader.INCOMPLETE);
          assertThat(header.neededBytes())
              .as("seed %d, the first %d bytes", seed, piece)
              .isBetween(piece + 1, written.length);
        }
      }
      assertThat(header.read(all, protocol)).as("seed %d", seed).isEqualTo(written.length);
      assertThat(all.position()).isZero();
      assertThat(source()).as("seed %d", seed).isEqualTo(context.remote());
      assertThat(destination()).as("seed %d", seed).isEqualTo(context.local());
      assertThat(header.announced().remotePort()).isEqualTo(context.remotePort());
      assertThat(header.announced().localPort()).isEqualTo(context.localPort());
      if (version == 2) {
        byte[] own = tlv(custom.type(), custom.value().getBytes(StandardCharsets.UTF_8));
        assertThat(header.tlvs(all))
            .as("seed %d", seed)
            .isEqualTo(
                ByteBuffer.allocate(own.length + cameIn.length).put(own).put(cameIn).array());
      }
    }
  }

  @Test
  void whatIsSetHereWinsOverWhatCameInExceptTheUniqueId() {
    LookupContext context = context(new Random(2), Protocol.TCP);
    byte[] cameIn =
        ByteBuffer.allocate(100)
            .put(tlv(0xe0, new byte[] {1}))
            .put(tlv(0x05, new byte[] {7, 7}))
            .put(tlv(0x02, new byte[] {3}))
            .flip()
            .slice()
            .array();
    cameIn = Arrays.copyOf(cameIn, 4 + 5 + 4);
    List<ProxyProtocolOut.Tlv> own = List.of(new ProxyProtocolOut.Tlv(0xe0, "own"));

    assertThat(tlvsOf(writer(2, true, true, own, true).header(context, cameIn)))
        .containsExactly("e0 6f776e", "05 0707", "02 03");
    assertThat(tlvsOf(writer(2, false, false, own, false).header(context, cameIn)))
        .containsExactly("e0 6f776e");
  }

  @Test
  void uniqueIdsAreUnique() {
    LookupContext context = context(new Random(2), Protocol.TCP);
    ProxyHeaderWriter writer = writer(2, true, false, List.of(), true);
    Set<String> ids = new HashSet<>();
    for (int i = 0; i < 1_000; i++) {
      List<String> tlvs = tlvsOf(writer.header(context, NONE));
      assertThat(tlvs).hasSize(1);
      assertThat(tlvs.getFirst()).matches("05 [0-9a-f]{64}"); // 32 characters
      ids.add(tlvs.getFirst());
    }
    assertThat(ids).hasSize(1_000);
  }

  @Test
  void tlvsThatWouldMakeTheHeaderTooLongStayBehind() {
    LookupContext context = context(new Random(3), Protocol.TCP);
    byte[] cameIn = tlv(2, new byte[ProxyHeader.MAX_BYTES - 10]);

    byte[] written = writer(2, true, true, List.of(), true).header(context, cameIn);

    assertThat(written).hasSizeLessThan(120);
    assertThat(header.read(ByteBuffer.wrap(written), Protocol.TCP)).isEqualTo(written.length);
  }

  /** Netty's codec reads what ours writes, and ours reads what Netty's writes. */
  @Test
  void nettysCodecAgrees() {
    for (int seed = 0; seed < 500; seed++) {
      Random random = new Random(seed);
      int version = 1 + random.nextInt(2);
      LookupContext context = context(random, Protocol.TCP);
      byte[] written =
          writer(version, false, random.nextBoolean(), List.of(), false).header(context, NONE);
      EmbeddedChannel decoder = new EmbeddedChannel(new HAProxyMessageDecoder());
      decoder.writeInbound(Unpooled.wrappedBuffer(written));
      HAProxyMessage message = decoder.readInbound();
      assertThat(message).as("seed %d", seed).isNotNull();
      assertThat(IpAddress.parse(Objects.requireNonNull(message.sourceAddress())))
          .as("seed %d", seed)
          .isEqualTo(context.remote());
      assertThat(IpAddress.parse(Objects.requireNonNull(message.destinationAddress())))
          .as("seed %d", seed)
          .isEqualTo(context.local());
      assertThat(message.sourcePort()).isEqualTo(context.remotePort());
      assertThat(message.destinationPort()).isEqualTo(context.localPort());

      EmbeddedChannel encoder = new EmbeddedChannel(HAProxyMessageEncoder.INSTANCE);
      encoder.writeOutbound(message.touch());
      ByteBuf encoded = encoder.readOutbound();
      assertThat(header.read(encoded.nioBuffer(), Protocol.TCP))
          .as("seed %d", seed)
          .isEqualTo(encoded.readableBytes());
      assertThat(source()).as("seed %d", seed).isEqualTo(context.remote());
      assertThat(destination()).as("seed %d", seed).isEqualTo(context.local());
      encoded.release();
      assertThat(decoder.finishAndReleaseAll()).isFalse();
      encoder.finishAndReleaseAll();
    }
  }

  private static ProxyHeaderWriter writer(
      int version,
      boolean uniqueId,
      boolean crc32c,
      List<ProxyProtocolOut.Tlv> tlvs,
      boolean passOn) {
    return new ProxyHeaderWriter(
        new ProxyProtocolOut(version, uniqueId, crc32c, tlvs, passOn, true));
  }

  private static byte[] tlv(int type, byte[] value) {
    return ByteBuffer.allocate(3 + value.length)
        .put((byte) type)
        .putShort((short) value.length)
        .put(value)
        .array();
  }

  /** As type and value, in hexadecimal. */
  private List<String> tlvsOf(byte[] written) {
    ByteBuffer in = ByteBuffer.wrap(written);
    assertThat(header.read(in, Protocol.TCP)).isEqualTo(written.length);
    ByteBuffer tlvs = ByteBuffer.wrap(header.tlvs(in));
    List<String> all = new ArrayList<>();
    while (tlvs.hasRemaining()) {
      String type = HexFormat.of().toHexDigits(tlvs.get());
      byte[] value = new byte[tlvs.getShort()];
      tlvs.get(value);
      all.add(type + " " + HexFormat.of().formatHex(value));
    }
    return all;
  }

  private int read(String text, Protocol transport) {
    return header.read(ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII)), transport);
  }

  private int readHex(String hex, Protocol transport) {
    return header.read(ByteBuffer.wrap(HexFormat.of().parseHex(hex)), transport);
  }

  private IpAddress source() {
    return header.announced().remote();
  }

  private IpAddress destination() {
    return header.announced().local();
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
