package io.sluice.proxy.capture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The capabilities of this process (capabilities(7)). */
final class Rights {
  /** A capability, by its number in linux/capability.h. */
  enum Capability {
    CAP_NET_BIND_SERVICE(10),
    CAP_NET_ADMIN(12),
    CAP_SYS_ADMIN(21),
    CAP_BPF(39);

    private final int number;

    Capability(int number) {
      this.number = number;
    }
  }

  private static final Path STATUS = Path.of("/proc/self/status");
  private static final String EFFECTIVE = "CapEff:";

  private final long effective;

  Rights(long effective) {
    this.effective = effective;
  }

  /** Those in effect now. */
  static Rights ofProcess() {
    try {
      for (String line : Files.readAllLines(STATUS)) {
        if (line.startsWith(EFFECTIVE)) {
          String digits = line.substring(EFFECTIVE.length()).strip();
          return new Rights(Long.parseUnsignedLong(digits, 16));
        }
      }
    } catch (IOException _) {
      // Without /proc nobody can tell: then what needs a right fails by itself, or doesn't.
    }
    return new Rights(-1);
  }

  boolean has(Capability capability) {
    boolean isImplied =
        capability == Capability.CAP_BPF && has(Capability.CAP_SYS_ADMIN); // as before Linux 5.8
    return isImplied || (effective >>> capability.number & 1) != 0;
  }
}
