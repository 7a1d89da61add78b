package io.sluice.proxy.header;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;

/**
 * Writes the PROXY protocol header that tells a server who the client is: the layouts are drawn at
 * {@link ProxyHeader}. Immutable but for its checksum: an event loop owns one per destination.
 */
public final class ProxyHeaderWriter {
  private static final byte[] NONE = {};

  private final int version;
  private final boolean withChecksum;
  private final byte[] tlvs;
  private final CRC32C checksum = new CRC32C();

  /**
   * A writer of one version.
   *
   * @param version 1 or 2
   * @param withChecksum adds a CRC32c TLV; version 2 only
   * @param tlvs what each header carries besides, encoded; version 2 only
   */
  public ProxyHeaderWriter(int version, boolean withChecksum, byte[] tlvs) {
    this.version = version;
    this.withChecksum = withChecksum;
    this.tlvs = tlvs.clone();
  }

  /** One TLV, encoded. */
  public static byte[] tlv(int type, byte[] value) {
    return ByteBuffer.allocate(3 + value.length)
        .put((byte) type)
        .putShort((short) value.length)
        .put(value)
        .array();
  }

  /**
   * Writes the header of a connection or datagram.
   *
   * @param client the addresses that the server is to be told
   * @param uniqueId up to 128 bytes, or empty for none
   * @param passedOn TLVs that came in ({@link ProxyHeader#tlvs}), or empty
   * @param out big endian; the header starts at its position, which moves behind it. A header that
   *     would be longer than {@link ProxyHeader#MAX_BYTES} goes without {@code passedOn}
   * @return the header's length in bytes
   */
  public int write(LookupContext client, byte[] uniqueId, byte[] passedOn, ByteBuffer out) {
    return version == 1 ? writeV1(client, out) : writeV2(client, uniqueId, passedOn, out);
  }

  private static int writeV1(LookupContext client, ByteBuffer out) {
    byte[] line =
        ("PROXY "
                + (client.family() == Family.IPV4 ? "TCP4 " : "TCP6 ")
                + text(client.remote())
                + ' '
                + text(client.local())
                + ' '
                + client.remotePort()
                + ' '
                + client.localPort()
                + "\r\n")
            .getBytes(StandardCharsets.US_ASCII);
    out.put(line);
    return line.length;
  }

  private static String text(IpAddress address) {
    return address.toString();
  }

  private int writeV2(LookupContext client, byte[] uniqueId, byte[] passedOn, ByteBuffer out) {
    boolean ipv4 = client.family() == Family.IPV4;
    int fixed = (ipv4 ? 12 : 36) + tlvs.length + (withChecksum ? 7 : 0);
    int unique = uniqueId.length == 0 ? 0 : 3 + uniqueId.length;
    byte[] others =
        ProxyHeader.V2_FIXED_BYTES + fixed + unique + passedOn.length > ProxyHeader.MAX_BYTES
            ? NONE
            : passedOn;
    int length = fixed + unique + others.length;
    int start = out.position();
    out.put(ProxyHeader.SIGNATURE);
    out.put((byte) 0x21);
    out.put((byte) ((ipv4 ? 0x10 : 0x20) | (client.protocol() == Protocol.TCP ? 1 : 2)));
    out.putShort((short) length);
    if (ipv4) {
      out.putInt(client.remoteIp4()).putInt(client.localIp4());
    } else {
      out.putLong(client.remoteHigh()).putLong(client.remoteLow());
      out.putLong(client.localHigh()).putLong(client.localLow());
    }
    out.putShort((short) client.remotePort()).putShort((short) client.localPort());
    out.put(tlvs).put(others);
    if (unique > 0) {
      out.put((byte) ProxyHeader.TLV_UNIQUE_ID).putShort((short) uniqueId.length).put(uniqueId);
    }
    if (withChecksum) {
      out.put((byte) ProxyHeader.TLV_CRC32C).putShort((short) 4).putInt(0);
      checksum.reset();
      checksum.update(out.slice(start, out.position() - start));
      out.putInt(out.position() - 4, (int) checksum.getValue());
    }
    return out.position() - start;
  }
}
