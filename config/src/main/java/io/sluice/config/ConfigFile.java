package io.sluice.config;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of a file, as they were at one moment: one that changes while it is read is read again.
 */
final class ConfigFile {
  /** How often a file that changes is read. */
  static final int TRIES = 5;

  private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  private static final byte[] NOTHING = {};

  /** Reads a file that has been opened; tests stand here. */
  @FunctionalInterface
  interface Reading {
    byte[] bytes(InputStream in, int max) throws IOException;
  }

  private ConfigFile() {}

  /**
   * The most that is read of one file: what a quarter of the heap holds, which leaves room for what
   * is made of it beside what is in force.
   */
  static int maxBytes() {
    return (int) Math.min(1 << 30, Runtime.getRuntime().maxMemory() / 4);
  }

  /** The most that is read of a pipe or device, which may have no end. */
  static int maxBytesOfPipe() {
    return Math.min(64 << 20, maxBytes());
  }

  /** The file's bytes; none, after a problem. */
  static byte[] read(Path file, Problems problems) {
    return read(file, problems, (in, max) -> in.readNBytes(max));
  }

  static byte[] read(Path file, Problems problems, Reading reading) {
    try {
      if (Files.isDirectory(file)) {
        problems.error(0, 0, "", "is a directory; name the file in it");
        return NOTHING;
      }
      for (int i = 0; i < TRIES; i++) {
        if (i > 0) {
          LockSupport.parkNanos(PAUSE_NANOS);
        }
        Stamp before = Stamp.of(file);
        int max = before.isFile ? maxBytes() : maxBytesOfPipe();
        if (before.size > max) {
          reportTooLarge(before, max, problems);
          return NOTHING;
        }
        byte[] bytes;
        try (InputStream in = Files.newInputStream(file)) {
          bytes = reading.bytes(in, max + 1); // a pipe has no size beforehand
        }
        if (bytes.length > max) {
          reportTooLarge(before, max, problems);
          return NOTHING;
        }
        if (!before.isFile || before.equals(Stamp.of(file)) && bytes.length == before.size) {
          return bytes;
        }
      }
      problems.error(
          0,
          0,
          "",
          "changed each time while it was read, "
              + TRIES
              + " times; write it under another name, and rename it when it is whole");
    } catch (NoSuchFileException _) {
      problems.error(0, 0, "", "no such file");
    } catch (AccessDeniedException _) {
      problems.error(0, 0, "", "not readable by this user; check its mode and owner");
    } catch (IOException e) {
      problems.error(0, 0, "", "can't be read: " + e.getMessage());
    }
    return NOTHING;
  }

  /** What changes if a file does. */
  private record Stamp(boolean isFile, long size, long modifiedNanos, @Nullable Object inode) {
    static Stamp of(Path file) throws IOException {
      BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
      return new Stamp(
          now.isRegularFile(),
          now.size(),
          now.lastModifiedTime().to(TimeUnit.NANOSECONDS),
          now.fileKey());
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Stamp it
          && size == it.size
          && modifiedNanos == it.modifiedNanos
          && Objects.equals(inode, it.inode);
    }

    @Override
    public int hashCode() {
      return Objects.hash(size, modifiedNanos, inode);
    }
  }

  private static void reportTooLarge(Stamp file, int max, Problems problems) {
    String why =
        file.isFile
            ? " with this heap, a quarter of it; raise -Xmx, or write the bindings as CSV"
            : " of what is no regular file";
    problems.error(0, 0, "", "is larger than " + (max >> 20) + " MiB, the most that is read" + why);
  }
}
