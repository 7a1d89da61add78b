package io.sluice.config;

import java.util.Collection;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Finds the word that was probably meant. */
final class Nearest {
  /** Longer words aren't compared: no key or label that one mistypes is. */
  private static final int MAX_LENGTH = 64;

  private static final int MAX_KNOWN = 1000;

  private Nearest() {}

  /** The known word nearest to this one; null if none is near. */
  static @Nullable String to(String word, Collection<String> known) {
    if (word.isEmpty() || word.length() > MAX_LENGTH || known.size() > MAX_KNOWN) {
      return null;
    }
    String plain = plain(word);
    String best = null;
    int bestDistance = Math.max(1, word.length() / 3) + 1;
    for (String candidate : known) {
      boolean begun = word.length() >= 3 && candidate.startsWith(word);
      if (begun || plain(candidate).equals(plain)) {
        return candidate;
      }
      if (Math.abs(candidate.length() - word.length()) < bestDistance) {
        int distance = distance(word, candidate);
        if (distance < bestDistance) {
          best = candidate;
          bestDistance = distance;
        }
      }
    }
    return best;
  }

  /** {@code ; did you mean 'targets'?}, or nothing. */
  static String question(@Nullable String nearest) {
    return nearest == null ? "" : "; did you mean '" + nearest + "'?";
  }

  /** {@code idle_timeout} and {@code idleTimeout} are the same word. */
  private static String plain(String word) {
    return word.replace("-", "").replace("_", "").toLowerCase(Locale.ROOT);
  }

  /** Insertions, deletions, substitutions, and swaps of neighbours (optimal string alignment). */
  private static int distance(String a, String b) {
    int[][] d = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        if (i == 0 || j == 0) {
          d[i][j] = i + j;
          continue;
        }
        int substitution = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
        d[i][j] = Math.min(Math.min(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + substitution);
        if (i > 1
            && j > 1
            && a.charAt(i - 1) == b.charAt(j - 2)
            && a.charAt(i - 2) == b.charAt(j - 1)) {
          d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
        }
      }
    }
    return d[a.length()][b.length()];
  }
}
