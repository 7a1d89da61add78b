package io.sluice.proxy.check;

import static java.util.Objects.requireNonNull;

import io.sluice.config.CheckSpec;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** One request of HTTP/1.1 (RFC 9112), after which the connection is closed. */
final class HttpQuestion implements Question {
  private static final Pattern STATUS_LINE = Pattern.compile("HTTP/1\\.[01] ([1-5][0-9]{2})[ \r]");
  private static final String END_OF_HEADER = "\r\n\r\n";
  private static final int LONGEST_STATUS_LINE = 1024;

  private final CheckSpec.Http spec;
  private final String host;

  HttpQuestion(CheckSpec.Http spec, String target) {
    this.spec = spec;
    this.host = spec.host() == null ? target : spec.host();
  }

  @Override
  public String first() {
    return spec.method()
        + ' '
        + spec.path()
        + " HTTP/1.1\r\nHost: "
        + host
        + "\r\nUser-Agent: sluice-check\r\nConnection: close\r\n\r\n";
  }

  @Override
  public @Nullable Finding judge(String answer, boolean isOver) {
    int line = answer.indexOf("\r\n");
    if (line < 0) {
      return isOver || answer.length() > LONGEST_STATUS_LINE ? Finding.bad("no HTTP answer") : null;
    }
    Matcher status = STATUS_LINE.matcher(answer);
    if (!status.lookingAt()) {
      return Finding.bad("no HTTP answer");
    }
    int code = Integer.parseInt(requireNonNull(status.group(1)));
    if (code < 200 && code != 101) { // an interim answer; the final one follows
      int end = answer.indexOf(END_OF_HEADER);
      return end < 0
          ? isOver ? Finding.bad("no final HTTP answer") : null
          : judge(answer.substring(end + END_OF_HEADER.length()), isOver);
    }
    if (spec.status().stream().noneMatch(it -> it.contains(code))) {
      return Finding.bad("HTTP status " + code);
    }
    CheckSpec.Expect expect = spec.expect();
    if (expect == null) {
      return Finding.good("HTTP status " + code);
    }
    int end = answer.indexOf(END_OF_HEADER);
    String body = end < 0 ? "" : answer.substring(end + END_OF_HEADER.length());
    if (end >= 0 && Question.has(body, expect)) {
      return Finding.good("HTTP status " + code + ", the body is as expected");
    }
    return isOver ? Finding.bad("the body is not the expected one") : null;
  }
}
