package io.sluice.config;

import io.sluice.steering.Protocol;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a destination's targets are asked, again and again, whether they serve.
 *
 * <p>Bytes stand in strings, one character for each (ISO 8859-1), so that two specifications can be
 * compared.
 *
 * @param port 0: the target's own
 * @param interval from one question to the next
 * @param fastInterval the same, while the last answers were not what its state says
 * @param timeout how long a target may take for the whole answer
 * @param rise how many good answers in a row bring it back
 * @param fall how many bad ones in a row take it out
 * @param saysLocal whether a PROXY protocol header (LOCAL) goes ahead, if the destination has one
 */
public record CheckSpec(
    Question question,
    int port,
    Duration interval,
    Duration fastInterval,
    Duration timeout,
    int rise,
    int fall,
    boolean saysLocal) {

  /** What is asked. */
  public sealed interface Question {}

  /**
   * A connection, over which something may be said.
   *
   * @param send empty for nothing
   * @param expect null: that it connects is enough
   */
  public record Tcp(String send, @Nullable Expect expect) implements Question {}

  /**
   * An HTTP/1.1 request.
   *
   * @param host null: the target, as the file writes it
   * @param status which answers are good
   * @param expect what the body must have; null for anything
   */
  public record Http(
      String method,
      String path,
      @Nullable String host,
      List<Statuses> status,
      @Nullable Expect expect)
      implements Question {
    public Http {
      status = List.copyOf(status);
    }
  }

  /** HTTP statuses from {@code first} to {@code last}, both included. */
  public record Statuses(int first, int last) {
    public boolean contains(int status) {
      return first <= status && status <= last;
    }
  }

  /**
   * A datagram, which must be answered.
   *
   * @param expect what the answer must have; null for anything
   */
  public record Udp(String payload, @Nullable Expect expect) implements Question {}

  /**
   * A DNS query.
   *
   * @param type of the record, as a number
   * @param over how it is sent
   * @param rcodes which answers are good, as numbers
   */
  public record Dns(String name, int type, Protocol over, List<Integer> rcodes)
      implements Question {
    public Dns {
      rcodes = List.copyOf(rcodes);
    }
  }

  /** A QUIC packet of a version that no server knows: it answers with those that it knows. */
  public record Quic() implements Question {}

  /** What an answer must have. */
  public sealed interface Expect {
    /** These bytes, anywhere. */
    record Bytes(String bytes) implements Expect {}

    /** Something that the regular expression of java.util.regex matches, anywhere. */
    record Match(String regex) implements Expect {}
  }

  /** By which protocol it is asked. */
  public Protocol protocol() {
    return switch (question) {
      case Tcp _, Http _ -> Protocol.TCP;
      case Udp _, Quic _ -> Protocol.UDP;
      case Dns dns -> dns.over();
    };
  }
}
