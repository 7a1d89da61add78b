package io.sluice.proxy.capture;

/**
 * Something that a capture needs of this machine and user.
 *
 * @param capture its name
 * @param what like {@code method sk_lookup needs CAP_BPF}
 * @param isMet whether it is there
 * @param mend what would mend it, as an instruction or a command
 * @param isAdvice whether it may be missing: then there is a warning, and the capture works as far
 *     as it goes
 */
public record Requirement(
    String capture, String what, boolean isMet, String mend, boolean isAdvice) {

  /** Something without which the capture can't start. */
  public Requirement(String capture, String what, boolean isMet, String mend) {
    this(capture, what, isMet, mend, false);
  }

  /** Something without which only a part of it works. */
  public static Requirement advice(String capture, String what, boolean isMet, String mend) {
    return new Requirement(capture, what, isMet, mend, true);
  }

  /** Whether the capture can start: it is met, or is advice only. */
  public boolean permitsStart() {
    return isMet || isAdvice;
  }

  @Override
  public String toString() {
    String wrong = isAdvice ? ", which is not so; " : ", which is missing; ";
    return "capture " + capture + ": " + what + (isMet ? "" : wrong + mend);
  }
}
