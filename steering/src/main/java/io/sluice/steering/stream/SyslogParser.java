package io.sluice.steering.stream;

/**
 * Syslog over TCP in either framing, told apart per message as rsyslog does: one that begins with a
 * length, which is digits of which the first isn't 0, and a space, is {@linkplain
 * OctetCountedParser octet-counted}; any other ends with a {@linkplain LineParser line feed} (RFC
 * 6587 §3.4). No message begins with a digit: they begin with {@code <}.
 */
public final class SyslogParser implements StreamParser {
  private static final int MOST_DIGITS = 9;

  private final OctetCountedParser octetCounted = new OctetCountedParser();
  private final LineParser line = new LineParser();

  @Override
  public int parse(MessageView message) {
    for (int i = 0; i < message.length(); i++) {
      int digit = message.at(i) - '0';
      if (digit == ' ' - '0' && i > 0) {
        return octetCounted.parse(message);
      }
      if (digit < 0 || digit > 9 || i == 0 && digit == 0 || i == MOST_DIGITS) {
        return line.parse(message);
      }
    }
    return 0; // digits so far
  }
}
