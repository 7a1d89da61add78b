package io.sluice.proxy.api;

import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** The file that stands for the socket. */
final class SocketFile {
  private static final int TYPE = 0170000; // sys/stat.h, S_IFMT
  private static final int SOCKET = 0140000; // S_IFSOCK

  private SocketFile() {}

  /**
   * Removes what a daemon left that has died.
   *
   * @throws IOException if something else is there, or a daemon that lives
   */
  static void makeRoom(Path path) throws IOException {
    int mode;
    try {
      mode = (int) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
    } catch (NoSuchFileException _) {
      Path directory = path.toAbsolutePath().getParent();
      if (directory == null || !Files.isDirectory(directory)) {
        throw new IOException("admin.socket: there is no directory " + directory);
      }
      return;
    }
    if ((mode & TYPE) != SOCKET) {
      throw new IOException("admin.socket: " + path + " is there, and is no socket");
    }
    if (isListenedTo(path)) {
      throw new IOException("admin.socket: a process that lives listens at " + path);
    }
    Files.deleteIfExists(path);
  }

  private static boolean isListenedTo(Path path) {
    Syscalls syscalls = new Syscalls();
    int fd = syscalls.socket(Linux.AF_UNIX, Linux.SOCK_STREAM);
    if (fd < 0) {
      return true; // nobody knows
    }
    Sockaddr address = new Sockaddr();
    address.setUnix(path.toString());
    int result = syscalls.connect(fd, address);
    int _ = syscalls.close(fd);
    return result != -Linux.ECONNREFUSED;
  }
}
