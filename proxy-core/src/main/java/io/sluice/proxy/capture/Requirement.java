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

  /** Something that it can't do without. */
  public Requirement(String capture, String what, boolean isMet, String mend) {
    this(capture, what, isMet, mend, false);
  }

  /** Something that it had better have. */
  static Requirement advice(String capture, String what, boolean isMet, String mend) {
    return new Requirement(capture, what, isMet, mend, true);
  }

  /** Whether nothing fails for want of it. */
  public boolean isBearable() {
    return isMet || isAdvice;
  }

  @Override
  public String toString() {
    String wrong = isAdvice ? ", which is not so; " : ", which is missing; ";
    return "capture " + capture + ": " + what + (isMet ? "" : wrong + mend);
  }
}
