package io.sluice.proxy.check;

/**
 * What a check came to.
 *
 * @param why in a few words, for the log and the status page
 */
record Finding(boolean isGood, String why) {
  static Finding good(String why) {
    return new Finding(true, why);
  }

  static Finding bad(String why) {
    return new Finding(false, why);
  }
}
