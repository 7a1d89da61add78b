package io.sluice.proxy.name;

import io.sluice.proxy.loop.Loop;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What a small file of the system says, read anew when it has changed. It is looked at once in
 * {@value #LOOK_MILLIS} ms at most; one that can't be read says what it said last. Any thread.
 */
final class WatchedFile<T> {
  private static final long LOOK_MILLIS = 1_000;

  private final Path path;
  private final Function<List<String>, T> parser;
  private T content;
  private @Nullable Version version;
  private long lookedMillis = Long.MIN_VALUE / 2;

  private record Version(FileTime modified, long bytes, @Nullable Object inode) {}

  /**
   * @param parser reads the file's lines; of none, if there is no file
   */
  WatchedFile(Path path, Function<List<String>, T> parser) {
    this.path = path;
    this.parser = parser;
    this.content = parser.apply(List.of());
  }

  /** What it says now; the same object until the file changes. */
  synchronized T content() {
    long now = Loop.nowMillis();
    if (now - lookedMillis >= LOOK_MILLIS) {
      lookedMillis = now;
      look();
    }
    return content;
  }

  private void look() {
    try {
      BasicFileAttributes its = Files.readAttributes(path, BasicFileAttributes.class);
      Version seen = new Version(its.lastModifiedTime(), its.size(), its.fileKey());
      if (!seen.equals(version)) {
        content =
            parser.apply(List.of(Files.readString(path, StandardCharsets.ISO_8859_1).split("\\R")));
        version = seen;
      }
    } catch (IOException _) {
      // It is being replaced, or there is none: the next look may find it.
    }
  }
}
