package io.sluice.steering;

import org.jspecify.annotations.Nullable;

/**
 * Which program dropped first in a lookup, and why. A context has one, which each lookup fills
 * anew. Called on the context's thread only.
 */
public final class DropOrigin {
  /** The program didn't say which of its parts it was. */
  public static final int WHOLE = -1;

  private @Nullable Program program;
  private String name = "";
  private int part = WHOLE;
  private @Nullable Errno errno;

  DropOrigin() {}

  void clear() {
    program = null;
    name = "";
    part = WHOLE;
    errno = null;
  }

  void set(Program program, String name, int part, @Nullable Errno errno) {
    this.program = program;
    this.name = name;
    this.part = part;
    this.errno = errno;
  }

  /** The program; null if none dropped. */
  public @Nullable Program program() {
    return program;
  }

  /** What it is called; empty if none dropped. */
  public String name() {
    return name;
  }

  /** What it gave {@link LookupContext#part}: a rule's or binding's index; or {@link #WHOLE}. */
  public int part() {
    return part;
  }

  /** How its last assign failed; null if it didn't. */
  public @Nullable Errno errno() {
    return errno;
  }
}
