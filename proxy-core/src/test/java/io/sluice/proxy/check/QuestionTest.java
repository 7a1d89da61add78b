package io.sluice.proxy.check;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.CheckSpec;
import io.sluice.config.Config;
import io.sluice.proxy.TestDaemon;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What checks say, and what they make of answers. */
final class QuestionTest {
  private static Question question(String check) {
    Config config =
        TestDaemon.config(
            TestDaemon.web(1, 80, "targets: ['127.0.0.1:81'], check: {" + check + "}"));
    CheckSpec spec = requireNonNull(config.destinations().getFirst().health().check());
    return Question.of(spec.question(), "web.example:81");
  }

  /** Good, bad, or open. */
  private static String word(@Nullable Finding outcome) {
    return outcome == null ? "open" : outcome.isGood() ? "good" : "bad";
  }

  private static String bytes(String hex) {
    return new String(HexFormat.of().parseHex(hex.replace(" ", "")), ISO_8859_1);
  }

  @Test
  void anHttpRequestHasItsTargetAsHost() {
    assertThat(question("http: {path: /up}").first())
        .isEqualTo(
            """
            GET /up HTTP/1.1\r
            Host: web.example:81\r
            User-Agent: sluice-check\r
            Connection: close\r
            \r
            """);
    assertThat(question("http: {host: a.example}").first()).contains("\r\nHost: a.example\r\n");
  }

  @ParameterizedTest
  @CsvSource(
      textBlock =
          """
          'HTTP/1.1 200 OK\r\n', good
          'HTTP/1.0 399 \r\n', good
          'HTTP/1.1 200\r\n', good
          'HTTP/1.1 400 Bad\r\n', bad
          'HTTP/1.1 200 OK', open
          'HTTP/1.1 2000 OK\r\n', bad
          'HTTP/2 200 OK\r\n', bad
          '220 smtp\r\n', bad
          'HTTP/1.1 100 Continue\r\n\r\n', open
          'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n', good
          '', open
          """)
  void anHttpAnswerIsJudgedByItsStatus(String answer, String outcome) {
    String real = answer.replace("\\r", "\r").replace("\\n", "\n");
    assertThat(word(question("http: {}").judge(real, false))).isEqualTo(outcome);
  }

  @Test
  void anHttpAnswerThatEndsEarlyIsBad() {
    assertThat(word(question("http: {}").judge("HTTP/1.1 20", true))).isEqualTo("bad");
    assertThat(word(question("http: {}").judge("HTTP/1.1 100 C\r\n\r\n", true))).isEqualTo("bad");
  }

  @Test
  void theBodyIsWaitedFor() {
    Question question = question("http: {expect: READY}");
    String header = "HTTP/1.1 200 READY\r\nX: READY\r\n\r\n";
    assertThat(word(question.judge(header, false))).isEqualTo("open");
    assertThat(word(question.judge(header + "not RE", false))).isEqualTo("open");
    assertThat(word(question.judge(header + "not READY", false))).isEqualTo("good");
    assertThat(word(question.judge(header + "not", true))).isEqualTo("bad");
  }

  @Test
  void aConnectionIsEnoughUnlessSomethingIsExpected() {
    assertThat(word(question("tcp: {}").judge("", false))).isEqualTo("good");
    Question smtp = question("tcp: {expect: {regex: '^220 '}}");
    assertThat(word(smtp.judge("22", false))).isEqualTo("open");
    assertThat(word(smtp.judge("220 here", false))).isEqualTo("good");
    assertThat(word(smtp.judge("554 no", true))).isEqualTo("bad");
    assertThat(question("tcp: {send: {hex: ff00}}").first()).isEqualTo("\u00ff\0");
  }

  @Test
  void aDatagramIsJudgedByItself() {
    assertThat(word(question("udp: {payload: ping}").judge("", false))).isEqualTo("open");
    assertThat(word(question("udp: {payload: ping}").judge("x", false))).isEqualTo("good");
    Question pong = question("udp: {payload: ping, expect: {hex: '706f6e67'}}");
    assertThat(word(pong.judge("a pong", false))).isEqualTo("good");
    assertThat(word(pong.judge("ping", false))).isEqualTo("bad");
  }

  private static String answer(String query, int flags, int rcode) {
    return query.substring(0, 2)
        + (char) flags
        + (char) rcode
        + query.substring(4, 12)
        + query.substring(12).replace("www", "WWW");
  }

  @Test
  void aDnsAnswerMustBeToTheQuestion() {
    Question dns = question("dns: {name: www.test, over: udp}");
    String query = dns.first();
    assertThat(query.substring(2))
        .isEqualTo(bytes("0100 0001 0000 0000 0000 03777777 0474657374 00 0001 0001"));
    assertThat(word(dns.judge(answer(query, 0x81, 0x80), false))).isEqualTo("good");
    assertThat(word(dns.judge(answer(query, 0x81, 0x83), false))).isEqualTo("bad");
    assertThat(word(dns.judge(answer(query, 0x01, 0x80), false))).isEqualTo("open");
    assertThat(
            word(
                dns.judge(
                    (char) (query.charAt(0) ^ 1) + answer(query, 0x81, 0x80).substring(1), false)))
        .isEqualTo("open");
    assertThat(word(dns.judge(answer(query, 0x81, 0x80).replace("WWW", "ftp"), false)))
        .isEqualTo("open");
    assertThat(word(dns.judge("short", false))).isEqualTo("open");
  }

  @Test
  void overTcpADnsMessageHasItsLengthAhead() {
    Question dns = question("dns: {name: www.test, rcode: [nxdomain, noerror]}");
    String query = dns.first();
    assertThat(query.charAt(1)).isEqualTo((char) (query.length() - 2));
    String answer = query.substring(0, 2) + answer(query.substring(2), 0x81, 0x83);
    assertThat(word(dns.judge(answer, false))).isEqualTo("good");
    assertThat(word(dns.judge(answer.substring(0, 20), false))).isEqualTo("open");
    assertThat(word(dns.judge(answer.substring(0, 20), true))).isEqualTo("bad");
  }

  @Test
  void aQuicServerAnswersWithVersions() {
    Question quic = question("quic: {}");
    String packet = quic.first();
    assertThat(packet).hasSize(1200);
    String ours = packet.substring(5, 14);
    String theirs = packet.substring(14, 23);
    String answer = "\u0080\0\0\0\0" + theirs + ours + "\0\0\0\u0001";
    assertThat(word(quic.judge(answer, false))).isEqualTo("good");
    assertThat(word(quic.judge("", false))).isEqualTo("open");
    assertThat(word(quic.judge("\u0080\0\0\0\0" + ours + theirs, false))).isEqualTo("bad");
  }
}
