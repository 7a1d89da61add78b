package io.sluice.proxy.header;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Tuple;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;

/**
 * Reads a PROXY protocol header, version 1 or 2, and holds what it said. Reused: an event loop owns
 * one.
 *
 * <pre>
 *   version 2      0               12        13        14       16
 *                  signature (12)  ver cmd   af proto  length   addresses, TLVs
 *                                  4   4     4  4      16
 *   addresses      IPv4: source (4) destination (4) ports (2+2);  IPv6: 16 + 16 + 2 + 2
 *   TLV            type (1)  length (2)  value
 *   version 1      PROXY TCP4 192.0.2.9 198.51.100.1 56324 443\r\n      at most 107 bytes
 * </pre>
 *
 * Numbers are in network order.
 */
public final class ProxyHeader {
  /** {@link #read}: it may become a header when more bytes come. */
  public static final int INCOMPLETE = 0;

  /** {@link #read}: it is none, or a wrong one; {@link #problem} says why. */
  public static final int MALFORMED = -1;

  /** The longest header that is taken, version 2 with its TLVs. The format allows 65,551. */
  public static final int MAX_BYTES = 16 << 10;

  static final int TLV_CRC32C = 0x03;
  static final int TLV_NOOP = 0x04;
  static final int TLV_UNIQUE_ID = 0x05;
  static final int MAX_UNIQUE_ID_BYTES = 128;
  static final int V2_FIXED_BYTES = 16;

  /** {@code \r\n\r\n\0\r\nQUIT\n}. */
  static final byte[] SIGNATURE = {
    0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a
  };

  private static final byte[] V1_START = {'P', 'R', 'O', 'X', 'Y', ' '};
  private static final int V1_MIN_BYTES = "PROXY UNKNOWN\r\n".length();
  private static final int V1_MAX_BYTES = 107;
  private static final byte[] NO_TLVS = {};
  private static final byte[] NO_CHECKSUM = new byte[4];

  private int version;
  private boolean hasAddresses;
  private final Tuple announced = new Tuple();
  private int tlvsAt;
  private int tlvsBytes;
  private int neededBytes;
  private String problem = "";
  private final CRC32C checksum = new CRC32C();

  /**
   * Reads a header from the start of what has come in.
   *
   * @param in from its position to its limit; neither is changed
   * @param transport what it came by: TCP may bring both versions, UDP only the second
   * @return the header's length in bytes, {@link #INCOMPLETE} or {@link #MALFORMED}
   */
  public int read(ByteBuffer in, Protocol transport) {
    version = 0;
    hasAddresses = false;
    tlvsBytes = 0;
    neededBytes = 0;
    problem = "";
    if (startsWith(in, SIGNATURE)) {
      int length = readV2(in, transport);
      return length == INCOMPLETE && transport == Protocol.UDP
          ? malformed("longer than its datagram")
          : length;
    }
    if (transport == Protocol.TCP && startsWith(in, V1_START)) {
      return readV1(in, transport);
    }
    return malformed("no PROXY protocol header");
  }

  private static boolean startsWith(ByteBuffer in, byte[] start) {
    int count = Math.min(in.remaining(), start.length);
    for (int i = 0; i < count; i++) {
      if (in.get(in.position() + i) != start[i]) {
        return false;
      }
    }
    return true;
  }

  private int incomplete(int neededBytes) {
    this.neededBytes = neededBytes;
    return INCOMPLETE;
  }

  private int malformed(String why) {
    problem = why;
    hasAddresses = false;
    tlvsBytes = 0;
    return MALFORMED;
  }

  // ---- version 2

  private int readV2(ByteBuffer in, Protocol transport) {
    int at = in.position();
    if (in.remaining() < V2_FIXED_BYTES) {
      return incomplete(V2_FIXED_BYTES);
    }
    int versionAndCommand = in.get(at + 12);
    int command = versionAndCommand & 0xf;
    if ((versionAndCommand & 0xf0) != 0x20) {
      return malformed("version isn't 2 behind the signature of version 2");
    }
    if (command > 1) {
      return malformed("a command other than LOCAL and PROXY");
    }
    int familyNumber = in.get(at + 13) >> 4 & 0xf;
    int transportNumber = in.get(at + 13) & 0xf;
    boolean isLocal = command == 0;
    boolean isUnspecified = familyNumber == 0 && transportNumber == 0;
    boolean isDefined = isWithin(familyNumber, 1, 3) && isWithin(transportNumber, 1, 2);
    if (!isLocal && !isUnspecified && !isDefined) {
      return malformed("an address family or transport that isn't defined");
    }
    int length = V2_FIXED_BYTES + unsignedShort(in, at + 14);
    if (length > MAX_BYTES) {
      return malformed("longer than 16 KiB");
    }
    boolean isIp = familyNumber == 1 || familyNumber == 2;
    if (!isLocal && isIp && transportNumber != (transport == Protocol.TCP ? 1 : 2)) {
      return malformed("a transport other than the one it came by");
    }
    int addressBytes =
        switch (familyNumber) {
          case 1 -> 12;
          case 2 -> 36;
          case 3 -> 216; // Unix sockets: two paths, which tell nothing that programs could use
          default -> 0;
        };
    if (!isLocal && length < V2_FIXED_BYTES + addressBytes) {
      return malformed("too short for its addresses");
    }
    if (in.remaining() < length) {
      return incomplete(length);
    }
    version = 2;
    if (isLocal) {
      return length; // a health check of the proxy's own: what else it says is to be ignored
    }
    int error = readTlvs(in, at + V2_FIXED_BYTES + addressBytes, at + length);
    if (error != 0) {
      return error;
    }
    if (isIp) {
      readAddresses(in, at + V2_FIXED_BYTES, familyNumber == 1, transport);
    }
    return length;
  }

  private static boolean isWithin(int value, int first, int last) {
    return value >= first && value <= last;
  }

  private void readAddresses(ByteBuffer in, int at, boolean ipv4, Protocol transport) {
    int ports = at + (ipv4 ? 8 : 32);
    int sourcePort = unsignedShort(in, ports);
    int destinationPort = unsignedShort(in, ports + 2);
    if (ipv4) {
      announce(
          Family.IPV4,
          transport,
          0,
          bits(in, at, 4),
          sourcePort,
          0,
          bits(in, at + 4, 4),
          destinationPort);
    } else {
      announce(
          Family.IPV6,
          transport,
          bits(in, at, 8),
          bits(in, at + 8, 8),
          sourcePort,
          bits(in, at + 16, 8),
          bits(in, at + 24, 8),
          destinationPort);
    }
  }

  /**
   * Notes what it announces. IPv4-mapped addresses become IPv4 ones: otherwise the rules for IPv4
   * would not apply to a client that came to a dual-stack socket.
   */
  private void announce(
      Family family,
      Protocol transport,
      long sourceHigh,
      long sourceLow,
      int sourcePort,
      long destinationHigh,
      long destinationLow,
      int destinationPort) {
    hasAddresses = true;
    boolean isMapped =
        family == Family.IPV6
            && isMapped(sourceHigh, sourceLow)
            && isMapped(destinationHigh, destinationLow);
    long mask = isMapped ? 0xffff_ffffL : -1;
    Tuple _ =
        announced.set(
            isMapped ? Family.IPV4 : family,
            transport,
            sourceHigh,
            sourceLow & mask,
            sourcePort,
            destinationHigh,
            destinationLow & mask,
            destinationPort);
  }

  private static boolean isMapped(long high, long low) {
    return high == 0 && low >>> 32 == 0xffff;
  }

  private int readTlvs(ByteBuffer in, int from, int end) {
    int checksumAt = -1;
    int at = from;
    while (at < end) {
      if (end - at < 3) {
        return malformed("a TLV that is cut short");
      }
      int length = unsignedShort(in, at + 1);
      if (length > end - at - 3) {
        return malformed("a TLV that is longer than the header");
      }
      int type = in.get(at) & 0xff;
      if (type == TLV_UNIQUE_ID && length > MAX_UNIQUE_ID_BYTES) {
        return malformed("a unique ID of more than 128 bytes");
      }
      if (type == TLV_CRC32C) {
        if (length != 4 || checksumAt >= 0) {
          return malformed("a checksum that isn't 4 bytes, or a second one");
        }
        checksumAt = at + 3;
      }
      at += 3 + length;
    }
    if (checksumAt >= 0 && !isChecksum(in, checksumAt, end)) {
      return malformed("a wrong checksum");
    }
    tlvsAt = from;
    tlvsBytes = end - from;
    return 0;
  }

  /** CRC32c over the whole header, its own field taken as zero. */
  private boolean isChecksum(ByteBuffer in, int at, int end) {
    int start = in.position();
    int limit = in.limit();
    checksum.reset();
    checksum.update(in.limit(at)); // up to its limit, which spares a slice
    checksum.update(NO_CHECKSUM);
    checksum.update(in.limit(end).position(at + 4));
    in.limit(limit).position(start);
    return checksum.getValue() == bits(in, at, 4);
  }

  static int unsignedShort(ByteBuffer in, int at) {
    return (in.get(at) & 0xff) << 8 | (in.get(at + 1) & 0xff);
  }

  private static long bits(ByteBuffer in, int at, int count) {
    long value = 0;
    for (int i = 0; i < count; i++) {
      value = value << 8 | (in.get(at + i) & 0xff);
    }
    return value;
  }

  // ---- version 1

  private int readV1(ByteBuffer in, Protocol transport) {
    int from = in.position();
    int count = Math.min(in.remaining(), V1_MAX_BYTES);
    int end = -1;
    for (int i = 0; i < count && end < 0; i++) {
      byte character = in.get(from + i);
      if (character == '\n') {
        end = i;
      } else if (character < ' ' && character != '\r') {
        return malformed("a line with control characters"); // bytes above 127 are negative
      }
    }
    if (end < 0) {
      boolean isReturned = count > 0 && in.get(from + count - 1) == '\r';
      return count < V1_MAX_BYTES
          ? incomplete(Math.max(V1_MIN_BYTES, count + (isReturned ? 1 : 2)))
          : malformed("a line of more than 107 bytes");
    }
    if (in.get(from + end - 1) != '\r') {
      return malformed("a line that doesn't end in CR LF");
    }
    byte[] line = new byte[end - 1];
    in.get(from, line);
    return readLine(new String(line, StandardCharsets.US_ASCII), end + 1, transport);
  }

  private int readLine(String line, int lengthBytes, Protocol transport) {
    String[] words = line.split(" ", -1);
    if (words[1].equals("UNKNOWN")) {
      version = 1; // whatever follows is to be ignored
      return lengthBytes;
    }
    boolean ipv4 = words[1].equals("TCP4");
    if (!ipv4 && !words[1].equals("TCP6")) {
      return malformed("neither TCP4 nor TCP6 nor UNKNOWN");
    }
    if (words.length != 6) {
      return malformed("not two addresses and two ports");
    }
    int sourcePort = port(words[4]);
    int destinationPort = port(words[5]);
    if (sourcePort < 0 || destinationPort < 0) {
      return malformed("a port that isn't a number from 0 to 65535");
    }
    try {
      IpAddress source = IpAddress.parse(words[2]);
      IpAddress destination = IpAddress.parse(words[3]);
      Family family = ipv4 ? Family.IPV4 : Family.IPV6;
      if (source.family() != family || destination.family() != family) {
        return malformed("an address of the other family");
      }
      announce(
          family,
          transport,
          source.high(),
          source.low(),
          sourcePort,
          destination.high(),
          destination.low(),
          destinationPort);
    } catch (IllegalArgumentException _) {
      return malformed("an address that is none");
    }
    version = 1;
    return lengthBytes;
  }

  private static int port(String text) {
    if (text.isEmpty() || text.length() > 5 || text.length() > 1 && text.charAt(0) == '0') {
      return -1;
    }
    int value = 0;
    for (int i = 0; i < text.length(); i++) {
      char digit = text.charAt(i);
      if (digit < '0' || digit > '9') {
        return -1;
      }
      value = value * 10 + (digit - '0');
    }
    return value > 65535 ? -1 : value;
  }

  // ---- what it said

  /** 1 or 2; 0 before a header was read. */
  public int version() {
    return version;
  }

  /**
   * Whether it names addresses. If not (LOCAL, UNKNOWN, Unix sockets) the connection's own count.
   */
  public boolean hasAddresses() {
    return hasAddresses;
  }

  /**
   * What it announces, if it {@linkplain #hasAddresses names addresses}: {@code remote} is the
   * client, {@code local} what the client wanted. Until the next header is read.
   */
  public Tuple announced() {
    return announced;
  }

  /**
   * After {@link #INCOMPLETE}: how many bytes there must be, from the first on, before it is worth
   * reading again. So who sends single bytes makes no more than some ninety readings of a line, and
   * three of version 2.
   */
  public int neededBytes() {
    return neededBytes;
  }

  /** Describes what it announces, if it {@linkplain #hasAddresses names addresses}. */
  public LookupContext describe(LookupContext context, int ifindex) {
    return context.of(announced, ifindex);
  }

  /** What is wrong, after {@link #MALFORMED}. */
  public String problem() {
    return problem;
  }

  /**
   * The TLVs to pass on: all but checksum and padding, which belong to this header alone. Allocates
   * if there are any.
   *
   * @param in what was {@linkplain #read read}, unchanged since
   */
  public byte[] tlvs(ByteBuffer in) {
    return tlvsBytes == 0 ? NO_TLVS : PassedTlvs.of(in, tlvsAt, tlvsBytes);
  }
}
