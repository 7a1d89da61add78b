package io.sluice.steering.stream;

import io.sluice.steering.Errno;

/**
 * Octet counting (RFC 6587 §3.4.1): {@code MSG-LEN SP SYSLOG-MSG}, the length in decimal digits,
 * the first of which isn't 0. The frame is passed on whole, with its length.
 */
public final class OctetCountedParser implements StreamParser {
  private static final int MOST_DIGITS = 9;

  @Override
  public int parse(MessageView message) {
    int length = 0;
    for (int i = 0; i < message.length(); i++) {
      int digit = message.at(i) - '0';
      if (digit == ' ' - '0' && i > 0) {
        return i + 1 + length;
      }
      if (digit < 0 || digit > 9 || i == 0 && digit == 0) {
        return Errno.EPROTO.negative();
      }
      if (i == MOST_DIGITS) {
        return Errno.EMSGSIZE.negative();
      }
      length = length * 10 + digit;
    }
    return 0;
  }
}
