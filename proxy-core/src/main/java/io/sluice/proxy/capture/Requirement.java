package io.sluice.proxy.capture;

/**
 * Something that a capture needs of this machine and user.
 *
 * @param capture its name
 * @param what like {@code method sk_lookup needs CAP_BPF}
 * @param isMet whether it is there
 * @param mend what would mend it, as an instruction or a command
 */
public record Requirement(String capture, String what, boolean isMet, String mend) {
  @Override
  public String toString() {
    return "capture " + capture + ": " + what + (isMet ? "" : ", which is missing; " + mend);
  }
}
