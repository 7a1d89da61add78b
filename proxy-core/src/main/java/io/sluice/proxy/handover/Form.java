package io.sluice.proxy.handover;

/** The form of what is handed over: docs/takeover.md defines it. */
public final class Form {
  /** What this version hands over in. Whatever changes in a frame makes another number. */
  public static final int NUMBER = 1;

  /** The oldest that this version takes. */
  public static final int LEAST = 1;

  private Form() {}
}
