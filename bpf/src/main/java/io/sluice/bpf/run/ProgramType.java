package io.sluice.bpf.run;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The types of programs that run here. */
public enum ProgramType {
  /** Chooses a socket for a packet. */
  SK_LOOKUP(30, "sk_lookup"),

  /** Runs over a block of memory: R1 points at it, R2 is its length. No type of the kernel's. */
  MEMORY(0, "memory");

  private final int number;
  private final String section;

  ProgramType(int number, String section) {
    this.number = number;
    this.section = section;
  }

  /** The kernel's number (BPF_PROG_TYPE_…). */
  public int number() {
    return number;
  }

  /** The name of its sections, without what may follow behind a slash. */
  public String section() {
    return section;
  }

  /** The type of the programs in a section; null if it doesn't run here. */
  public static @Nullable ProgramType ofSection(String section) {
    String name = section.startsWith("?") ? section.substring(1) : section;
    for (ProgramType type : values()) {
      if (type != MEMORY && (name.equals(type.section) || name.startsWith(type.section + "/"))) {
        return type;
      }
    }
    return null;
  }

  /** What a load from the context reads; null where the kernel's verifier refuses it. */
  public @Nullable ContextField field(int offset, int size) {
    return switch (this) {
      case SK_LOOKUP -> SkLookupFields.field(offset, size);
      case MEMORY -> null;
    };
  }

  /** Whether only 0 and 1 may be returned. */
  public boolean returnsVerdict() {
    return this == SK_LOOKUP;
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
