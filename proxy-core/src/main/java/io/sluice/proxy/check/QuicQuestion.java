package io.sluice.proxy.check;

import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * A packet of a version that no server knows, which it answers with those that it knows (RFC 8999,
 * section 6; RFC 9000, sections 6 and 15). Nothing is encrypted, and no state is made.
 *
 * <pre>
 *    0        1               5    6                 14   15
 *   +--------+---------------+----+-----------------+----+-----------------+------------
 *   |11……    | 0x?a?a?a?a    | 8  | destination ID  | 8  | source ID       | padding …
 *   +--------+---------------+----+-----------------+----+-----------------+------------
 *   |1……     | 0             | 8  | source ID       | 8  | destination ID  | versions …   (answer)
 * </pre>
 */
final class QuicQuestion implements Question {
  /** Servers answer no smaller datagram (RFC 9000, section 14.1). */
  private static final int PACKET_BYTES = 1200;

  private static final int ID_BYTES = 8;
  private static final String GREASE = "\u001a*:J";

  private final String destinationId = random();
  private final String sourceId = random();

  private static String random() {
    StringBuilder id = new StringBuilder();
    for (int i = 0; i < ID_BYTES; i++) {
      id.append((char) ThreadLocalRandom.current().nextInt(256));
    }
    return id.toString();
  }

  @Override
  public String first() {
    String head = '\u00c0' + GREASE + id(destinationId) + id(sourceId);
    return head + "\0".repeat(PACKET_BYTES - head.length());
  }

  private static String id(String bytes) {
    return (char) ID_BYTES + bytes;
  }

  @Override
  public @Nullable Finding judge(String answer, boolean isOver) {
    boolean isNegotiation =
        answer.length() > 1
            && (answer.charAt(0) & 0x80) != 0
            && answer.startsWith("\0\0\0\0" + id(sourceId) + id(destinationId), 1);
    if (isNegotiation) {
      return Finding.good("QUIC versions answered");
    }
    return answer.isEmpty() && !isOver ? null : Finding.bad("no QUIC version negotiation");
  }
}
