package io.sluice.proxy.capture;

import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Finds who holds a port, by {@code /proc/net/tcp} and its like and {@code /proc/PID/fd}. As an
 * ordinary user one sees one's own processes only.
 */
public final class PortHolder {
  /** A socket may be closed between the two lists that are compared. */
  private static final int LOOKS = 5;

  private PortHolder() {}

  /** Which process holds the port: {@code nginx (pid 123)}, or what else is known of it. */
  public static String find(Protocol protocol, IpAddress address, int port) {
    Set<String> inodes = inodes(protocol, port);
    return inodes.isEmpty() ? "nobody that " + address + " shows" : owner(inodes);
  }

  /** Whether no process but this one has a socket with the port. */
  static boolean isThisProcess(Protocol protocol, int port) {
    for (int look = 0; look < LOOKS; look++) {
      Set<String> inodes = inodes(protocol, port);
      if (held(Path.of("/proc/self/fd"), inodes).containsAll(inodes)) {
        return true;
      }
    }
    return false;
  }

  private static Set<String> inodes(Protocol protocol, int port) {
    Set<String> inodes = new HashSet<>();
    for (String table : List.of(protocol.word(), protocol.word() + "6")) {
      try {
        for (String line : Files.readAllLines(Path.of("/proc/net", table))) {
          String[] columns = line.strip().split("\\s+", -1);
          boolean unconnected =
              columns.length > 9 && (protocol == Protocol.UDP || columns[3].equals("0A"));
          if (unconnected && columns[1].endsWith(String.format(":%04X", port))) {
            inodes.add("socket:[" + columns[9] + "]");
          }
        }
      } catch (IOException _) {
        // Without this table the other one may tell.
      }
    }
    return inodes;
  }

  private static String owner(Set<String> inodes) {
    try (DirectoryStream<Path> processes = Files.newDirectoryStream(Path.of("/proc"), "[1-9]*")) {
      for (Path process : processes) {
        if (!held(process.resolve("fd"), inodes).isEmpty()) {
          String name = Files.readString(process.resolve("comm")).strip();
          return name + " (pid " + process.getFileName() + ")";
        }
      }
    } catch (IOException | DirectoryIteratorException _) {
      // Said below.
    }
    return "a process that this user may not see";
  }

  /** Those of these inodes that a process holds. */
  private static Set<String> held(Path descriptors, Set<String> inodes) {
    Set<String> held = new HashSet<>();
    try (DirectoryStream<Path> links = Files.newDirectoryStream(descriptors)) {
      for (Path link : links) {
        String inode = link(link);
        if (inodes.contains(inode)) {
          held.add(inode);
        }
      }
    } catch (IOException | DirectoryIteratorException _) {
      // Somebody else's process, or one that has just ended.
    }
    return held;
  }

  private static String link(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString();
    } catch (IOException _) {
      return ""; // closed since it was listed
    }
  }
}
