package io.sluice.proxy.observe;

/** How it ended: a {@link SessionEnd} of what was relayed, or a {@link Refusal} of what was not. */
public interface Outcome {
  /** The metric label's value, and the {@code end} of the access record. */
  String word();

  /** Whose doing it was. */
  By by();

  /** Who ended it. */
  enum By {
    CLIENT("client"),
    TARGET("target"),
    /** A rule, a limit, a timeout, a stop or a fault of ours. */
    SLUICE("sluice");

    private final String word;

    By(String word) {
      this.word = word;
    }

    public String word() {
      return word;
    }
  }

  /** How far it had come. */
  enum Phase {
    /** The client's PROXY protocol header was awaited. */
    HEADER("header"),
    /** It was not decided yet where it goes. */
    LOOKUP("lookup"),
    /** A connection to a target was being made. */
    CONNECT("connect"),
    /** Bytes, messages or datagrams were relayed. */
    DATA("data"),
    /** One side or both had sent FIN. */
    CLOSING("closing");

    private final String word;

    Phase(String word) {
      this.word = word;
    }

    public String word() {
      return word;
    }
  }
}
