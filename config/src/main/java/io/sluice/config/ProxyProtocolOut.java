package io.sluice.config;

import java.util.List;

/**
 * Which PROXY protocol header the targets of a destination get.
 *
 * @param version 1 or 2; the rest is for version 2 only
 * @param uniqueId adds an ID for each connection or flow, unless one came in and is passed on
 * @param crc32c adds a checksum over the header
 * @param tlvs what it carries besides
 * @param passOn whether TLVs that came in with the client go on
 * @param everyDatagram of UDP, rather than a flow's first only
 */
public record ProxyProtocolOut(
    int version,
    boolean uniqueId,
    boolean crc32c,
    List<Tlv> tlvs,
    boolean passOn,
    boolean everyDatagram) {
  /** A type, 0xE0–0xF7, and a text, encoded as UTF-8. */
  public record Tlv(int type, String value) {}

  public ProxyProtocolOut {
    tlvs = List.copyOf(tlvs);
  }
}
