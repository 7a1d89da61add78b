package io.sluice.proxy.check;

import io.sluice.config.CheckSpec;
import io.sluice.steering.Protocol;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * Asks for one record, and looks at the answer's header (RFC 1035, section 4.1.1).
 *
 * <pre>
 *    0               2               4               6
 *   +---------------+-+-------------+---------------+---- …
 *   | ID            |Q| flags |RCODE| questions: 1  | answers, authority, additional: 2 each
 *   +---------------+-+-------------+---------------+---- …
 *   then the question: name, type (2), class (2)
 * </pre>
 */
final class DnsQuestion implements Question {
  private static final int HEADER_BYTES = 12;
  private static final List<String> RCODES =
      List.of("noerror", "formerr", "servfail", "nxdomain", "notimp", "refused");

  private final CheckSpec.Dns spec;
  private final String query;

  DnsQuestion(CheckSpec.Dns spec) {
    this.spec = spec;
    StringBuilder out = new StringBuilder();
    put16(out, ThreadLocalRandom.current().nextInt(1 << 16));
    put16(out, 0x0100); // recursion desired
    put16(out, 1);
    out.append("\0\0\0\0\0\0");
    String name = spec.name().endsWith(".") ? spec.name() : spec.name() + '.';
    for (int start = 0, dot = name.indexOf('.'); dot > start; dot = name.indexOf('.', start)) {
      out.append((char) (dot - start)).append(name, start, dot);
      start = dot + 1;
    }
    out.append('\0');
    put16(out, spec.type());
    put16(out, 1); // class IN
    this.query = out.toString();
  }

  private static void put16(StringBuilder out, int value) {
    out.append((char) (value >> 8)).append((char) (value & 0xff));
  }

  /** Over TCP, the length goes ahead (RFC 1035, section 4.2.2). */
  @Override
  public String first() {
    if (spec.over() == Protocol.UDP) {
      return query;
    }
    StringBuilder out = new StringBuilder();
    put16(out, query.length());
    return out.append(query).toString();
  }

  @Override
  public @Nullable Finding judge(String answer, boolean isOver) {
    String message = answer;
    if (spec.over() == Protocol.TCP) {
      if (answer.length() < 2 || answer.length() < 2 + (answer.charAt(0) << 8 | answer.charAt(1))) {
        return isOver ? Finding.bad("no whole DNS answer") : null;
      }
      message = answer.substring(2);
    }
    if (!isAnswer(message)) {
      return isOver ? Finding.bad("no DNS answer to the question") : null; // an old one, or forged
    }
    int rcode = message.charAt(3) & 0xf;
    String word = rcode < RCODES.size() ? RCODES.get(rcode) : "rcode " + rcode;
    return spec.rcodes().contains(rcode) ? Finding.good(word) : Finding.bad("DNS answer " + word);
  }

  /** Whether it has our ID, is an answer, and repeats our question (some leave it out). */
  private boolean isAnswer(String message) {
    if (message.length() < HEADER_BYTES
        || message.charAt(0) != query.charAt(0)
        || message.charAt(1) != query.charAt(1)
        || (message.charAt(2) & 0x80) == 0) {
      return false;
    }
    boolean hasQuestion = message.charAt(5) != 0;
    return !hasQuestion
        || message
            .substring(HEADER_BYTES)
            .toLowerCase(Locale.ROOT)
            .startsWith(query.substring(HEADER_BYTES).toLowerCase(Locale.ROOT));
  }
}
