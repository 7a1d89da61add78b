package io.sluice.proxy.check;

import io.sluice.config.CheckSpec;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a check says to a target, and what it makes of the answer. One object serves one exchange.
 * Bytes stand in strings, one character for each (ISO 8859-1).
 */
interface Question {
  /** An answer is looked at up to so many bytes. */
  int MOST_BYTES = 16 << 10;

  /** What is sent at once; empty for nothing. */
  String first();

  /**
   * Judges what has been answered so far.
   *
   * @param answer all bytes of a stream, or the last datagram
   * @param isOver whether the target has ended, or sent as much as is looked at
   * @return null while it may still become good or bad
   */
  @Nullable Finding judge(String answer, boolean isOver);

  /**
   * The question of a specification.
   *
   * @param target as HTTP's host, if none is given
   */
  static Question of(CheckSpec.Question spec, String target) {
    return switch (spec) {
      case CheckSpec.Tcp tcp -> new BytesQuestion(tcp.send(), tcp.expect(), true);
      case CheckSpec.Udp udp -> new BytesQuestion(udp.payload(), udp.expect(), false);
      case CheckSpec.Http http -> new HttpQuestion(http, target);
      case CheckSpec.Dns dns -> new DnsQuestion(dns);
      case CheckSpec.Quic _ -> new QuicQuestion();
    };
  }

  /** Whether an answer has what is expected of it. */
  static boolean has(String answer, CheckSpec.Expect expect) {
    return switch (expect) {
      case CheckSpec.Expect.Bytes it -> answer.contains(it.bytes());
      case CheckSpec.Expect.Match it ->
          Pattern.compile(it.regex(), Pattern.DOTALL).matcher(answer).find();
    };
  }
}
