package io.sluice.config;

/**
 * Whether the kernel may give connections to a target's own socket, without us.
 *
 * @param isIdleTimeoutGiven whether the file asks for an end of idle connections, which only the
 *     relay knows; false if {@code mode} is {@link Mode#OFF}
 */
public record OffloadSpec(Mode mode, boolean isIdleTimeoutGiven) {
  /** All goes through the relay. */
  public static final OffloadSpec OFF = new OffloadSpec(Mode.OFF, false);

  /** What is wanted. */
  public enum Mode {
    /** Never. */
    OFF,
    /** Where it can be; the relay takes the rest. */
    AUTO,
    /** Always: what can't be is refused. */
    REQUIRED;

    /** As the file writes it. */
    public String word() {
      return switch (this) {
        case OFF -> "off";
        case AUTO -> "auto";
        case REQUIRED -> "required";
      };
    }

    static Mode parse(String text) {
      for (Mode mode : values()) {
        if (mode.word().equals(text)) {
          return mode;
        }
      }
      throw new IllegalArgumentException("\"" + text + "\" is none; off, auto and required are");
    }
  }

  /** Whether the kernel may have any of it. */
  public boolean isWanted() {
    return mode != Mode.OFF;
  }

  public boolean isRequired() {
    return mode == Mode.REQUIRED;
  }
}
