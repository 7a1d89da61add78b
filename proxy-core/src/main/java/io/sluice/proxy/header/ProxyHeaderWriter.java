package io.sluice.proxy.header;

import io.sluice.config.ProxyProtocolOut;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.steering.Family;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Makes the PROXY protocol headers that tell a destination's servers who the client is: the layouts
 * are drawn at {@link ProxyHeader}. Immutable; any thread. Asked once per connection or UDP flow.
 */
public final class ProxyHeaderWriter {
  /** No TLVs came in. */
  public static final byte[] NO_TLVS = {};

  /** Makes IDs differ from those of other processes. */
  private static final String PROCESS = HexFormat.of().toHexDigits(new Syscalls().random());

  private static final AtomicLong ids = new AtomicLong();
  private static final int TLV_HEADER_BYTES = 3;
  private static final int UNIQUE_ID_BYTES = 32;
  private static final int CHECKSUM_BYTES = 4;

  private final ProxyProtocolOut spec;
  private final byte[] tlvs;

  public ProxyHeaderWriter(ProxyProtocolOut spec) {
    this.spec = spec;
    ByteBuffer out = ByteBuffer.allocate(ProxyHeader.MAX_BYTES);
    for (ProxyProtocolOut.Tlv tlv : spec.tlvs()) {
      put(out, tlv.type(), tlv.value().getBytes(StandardCharsets.UTF_8));
    }
    this.tlvs = written(out);
  }

  /** A writer of what a destination's configuration asks for; null for none. */
  public static @Nullable ProxyHeaderWriter of(@Nullable ProxyProtocolOut spec) {
    return spec == null ? null : new ProxyHeaderWriter(spec);
  }

  /** Whether each datagram gets the header, rather than a flow's first only. */
  public boolean isForEveryDatagram() {
    return spec.everyDatagram();
  }

  /**
   * The header of a connection or flow.
   *
   * @param client the addresses that the server is to be told
   * @param cameIn the TLVs that the client came with ({@link ProxyHeader#tlvs}), or none; they go
   *     on if the configuration says so, except those of a type that it sets itself, and unless the
   *     header would be longer than {@link ProxyHeader#MAX_BYTES} with them
   */
  public byte[] header(LookupContext client, byte[] cameIn) {
    return spec.version() == 1 ? line(client) : version2(client, cameIn);
  }

  private static byte[] line(LookupContext client) {
    String line =
        "PROXY "
            + (client.family() == Family.IPV4 ? "TCP4 " : "TCP6 ")
            + client.remote()
            + ' '
            + client.local()
            + ' '
            + client.remotePort()
            + ' '
            + client.localPort()
            + "\r\n";
    return line.getBytes(StandardCharsets.US_ASCII);
  }

  private byte[] version2(LookupContext client, byte[] cameIn) {
    ByteBuffer out = ByteBuffer.allocate(ProxyHeader.MAX_BYTES);
    boolean ipv4 = client.family() == Family.IPV4;
    out.put(ProxyHeader.SIGNATURE);
    out.put((byte) 0x21);
    out.put((byte) ((ipv4 ? 0x10 : 0x20) | (client.protocol() == Protocol.TCP ? 1 : 2)));
    out.putShort((short) 0); // the length, below
    if (ipv4) {
      out.putInt(client.remoteIp4()).putInt(client.localIp4());
    } else {
      out.putLong(client.remoteHigh()).putLong(client.remoteLow());
      out.putLong(client.localHigh()).putLong(client.localLow());
    }
    out.putShort((short) client.remotePort()).putShort((short) client.localPort());
    out.put(tlvs);
    boolean hasId = spec.passOn() && passOn(cameIn, out);
    if (spec.uniqueId() && !hasId) {
      put(out, ProxyHeader.TLV_UNIQUE_ID, uniqueId());
    }
    int length = out.position() + (spec.crc32c() ? TLV_HEADER_BYTES + CHECKSUM_BYTES : 0);
    out.putShort(ProxyHeader.V2_FIXED_BYTES - 2, (short) (length - ProxyHeader.V2_FIXED_BYTES));
    if (spec.crc32c()) {
      put(out, ProxyHeader.TLV_CRC32C, new byte[CHECKSUM_BYTES]);
      CRC32C checksum = new CRC32C();
      checksum.update(out.array(), 0, length);
      out.putInt(length - CHECKSUM_BYTES, (int) checksum.getValue());
    }
    return written(out);
  }

  private static byte[] uniqueId() {
    return (PROCESS + HexFormat.of().toHexDigits(ids.incrementAndGet()))
        .getBytes(StandardCharsets.US_ASCII);
  }

  /** Writes the TLVs that came in, all or none; whether one of them is a unique ID. */
  private boolean passOn(byte[] cameIn, ByteBuffer out) {
    int room = out.remaining() - 2 * TLV_HEADER_BYTES - CHECKSUM_BYTES - UNIQUE_ID_BYTES;
    if (cameIn.length > room) {
      return false;
    }
    boolean hasId = false;
    ByteBuffer from = ByteBuffer.wrap(cameIn);
    while (from.hasRemaining()) {
      int type = from.get() & 0xff;
      byte[] value = new byte[from.getShort() & 0xffff];
      from.get(value);
      if (spec.tlvs().stream().noneMatch(own -> own.type() == type)) {
        put(out, type, value);
        hasId |= type == ProxyHeader.TLV_UNIQUE_ID;
      }
    }
    return hasId;
  }

  private static void put(ByteBuffer out, int type, byte[] value) {
    out.put((byte) type).putShort((short) value.length).put(value);
  }

  private static byte[] written(ByteBuffer out) {
    byte[] bytes = new byte[out.position()];
    out.get(0, bytes);
    return bytes;
  }
}
