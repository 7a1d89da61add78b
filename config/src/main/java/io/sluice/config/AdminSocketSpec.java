package io.sluice.config;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where the socket is over which a running daemon is asked and changed, and who may do that beside
 * root and the daemon's own user. Names may be numbers.
 *
 * @param path null if none is configured: then {@link #DEFAULT_PATH}, if its directory may be
 *     written
 * @param isOff there is no socket
 * @param users who may ask and change
 * @param groups whose members may ask and change
 * @param readers users and groups that may only ask
 */
public record AdminSocketSpec(
    @Nullable Path path,
    boolean isOff,
    List<String> users,
    List<String> groups,
    List<String> readers) {
  /** Where it is unless configured. */
  public static final Path DEFAULT_PATH = Path.of("/run/sluice/admin.sock");

  public static final AdminSocketSpec DEFAULTS =
      new AdminSocketSpec(null, false, List.of(), List.of(), List.of());

  public AdminSocketSpec {
    users = List.copyOf(users);
    groups = List.copyOf(groups);
    readers = List.copyOf(readers);
  }

  /** Where a daemon listens, started as this user on this machine; null for nowhere. */
  public @Nullable Path listeningPath() {
    if (isOff) {
      return null;
    }
    Path directory = DEFAULT_PATH.getParent();
    return path == null && directory != null && Files.isWritable(directory) ? DEFAULT_PATH : path;
  }

  /** Whether anybody beside root and the daemon's own user may use it. */
  public boolean isShared() {
    return !users.isEmpty() || !groups.isEmpty() || !readers.isEmpty();
  }
}
