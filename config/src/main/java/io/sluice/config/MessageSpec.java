package io.sluice.config;

import java.time.Duration;

/**
 * How a stream is cut into messages.
 *
 * @param maxMessageBytes the longest message; a longer one ends the connection
 * @param parserTimeout how long the rest of a message may take; zero is for ever
 */
public record MessageSpec(Framing framing, int maxMessageBytes, Duration parserTimeout) {
  /** Where messages end. */
  public sealed interface Framing {
    /** After a line feed. */
    record Line() implements Framing {}

    /** After as many bytes as decimal digits in front say (RFC 6587 §3.4.1). */
    record OctetCounted() implements Framing {}

    /** Either of both before, as each message begins: what rsyslog takes. */
    record Syslog() implements Framing {}

    /**
     * After as many bytes as a binary field says.
     *
     * @param offset of the field, in bytes
     * @param size 1, 2, 3, 4 or 8 bytes
     * @param adjustment is added to what the field says, which is then what follows it
     */
    record LengthField(int offset, int size, boolean bigEndian, int adjustment)
        implements Framing {}
  }
}
