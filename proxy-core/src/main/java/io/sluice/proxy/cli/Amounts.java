package io.sluice.proxy.cli;

import java.util.Locale;

/** Amounts as people read them. */
final class Amounts {
  private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};

  private Amounts() {}

  /** {@code 512 B}, {@code 1.5 MiB}. */
  static String bytes(long bytes) {
    double amount = bytes;
    int unit = 0;
    while (amount >= 1024 && unit < UNITS.length - 1) {
      amount /= 1024;
      unit++;
    }
    return String.format(Locale.ROOT, unit == 0 ? "%.0f %s" : "%.1f %s", amount, UNITS[unit]);
  }

  /** {@code 250ms}, {@code 12s}, {@code 5m12s}, {@code 3h05m}, {@code 2d04h}. */
  static String duration(long millis) {
    long seconds = millis / 1000;
    if (millis < 1000) {
      return millis + "ms";
    }
    if (seconds < 60) {
      return seconds + "s";
    }
    if (seconds < 3600) {
      return String.format(Locale.ROOT, "%dm%02ds", seconds / 60, seconds % 60);
    }
    long hours = seconds / 3600;
    return hours < 48
        ? String.format(Locale.ROOT, "%dh%02dm", hours, seconds / 60 % 60)
        : String.format(Locale.ROOT, "%dd%02dh", hours / 24, hours % 24);
  }
}
