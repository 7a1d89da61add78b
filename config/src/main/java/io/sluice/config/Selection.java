package io.sluice.config;

import org.jspecify.annotations.Nullable;

/** How one of a destination's targets is chosen. */
public sealed interface Selection {
  /** By a hash over both addresses and ports: what a destination has that says nothing. */
  record Hash() implements Selection {}

  /** By the client's address. */
  record Source() implements Selection {}

  /** In turn. */
  record RoundRobin() implements Selection {}

  /** Whoever has the fewest sessions for its weight. */
  record LeastConnections() implements Selection {}

  /** By a hash over these bytes of the payload. */
  record Payload(int offset, int length) implements Selection {}

  /**
   * By the QUIC connection ID.
   *
   * @param connectionIdLength how long those are that the servers choose, in bytes
   * @param serverId where the server's own ID stands in them; null if they have none
   */
  record Quic(int connectionIdLength, @Nullable ServerId serverId) implements Selection {}

  /** Bytes of a connection ID. */
  record ServerId(int offset, int length) {}

  /** As a program says. */
  record Program(Code code) implements Selection {}

  /** As the file writes it: {@code round-robin}. */
  default String word() {
    return switch (this) {
      case Hash _ -> "hash";
      case Source _ -> "source";
      case RoundRobin _ -> "round-robin";
      case LeastConnections _ -> "least-connections";
      case Payload _ -> "payload";
      case Quic _ -> "quic";
      case Program _ -> "program";
    };
  }
}
