package io.sluice.bpf.run;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;

/** The names of all helpers of the kernel, by their numbers, for messages. */
public final class HelperNames {
  private static final List<String> NAMES = read();

  private HelperNames() {}

  private static List<String> read() {
    try (InputStream in =
        Objects.requireNonNull(HelperNames.class.getResourceAsStream("helpers.txt"))) {
      return new String(in.readAllBytes(), StandardCharsets.US_ASCII).lines().toList();
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  /** The number and the name, like {@code helper 65 (bpf_skb_adjust_room)}. */
  public static String describe(int number) {
    return number > 0 && number < NAMES.size()
        ? "helper " + number + " (bpf_" + NAMES.get(number) + ")"
        : "helper " + number + ", which has no name in Linux 6.1";
  }
}
