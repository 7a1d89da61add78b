package io.sluice.proxy.check;

/**
 * What a check came to.
 *
 * @param why in a few words, for the log and the status page
 */
record Outcome(boolean isGood, String why) {
  static Outcome good(String why) {
    return new Outcome(true, why);
  }

  static Outcome bad(String why) {
    return new Outcome(false, why);
  }
}
