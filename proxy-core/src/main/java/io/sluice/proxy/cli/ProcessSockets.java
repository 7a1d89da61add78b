package io.sluice.proxy.cli;

import io.sluice.steering.IpAddress;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** The sockets of another process, as /proc shows them (proc(5), /proc/pid/fd, /proc/net/tcp). */
final class ProcessSockets {
  private static final String LISTENING = "0A"; // TCP_LISTEN
  private static final String UNCONNECTED = "07"; // TCP_CLOSE: of UDP, bound and not connected

  private ProcessSockets() {}

  /**
   * Finds a listening socket.
   *
   * @param protocol tcp or udp
   * @return where it is reached: for a wildcard socket {@code address}, or loopback if that is the
   *     wildcard too
   * @throws IOException if there is none, or the process can't be looked into
   */
  static String find(long pid, String protocol, String address, int port) throws IOException {
    if (!protocol.equals("tcp") && !protocol.equals("udp")) {
      throw new IOException("\"" + protocol + "\" is no protocol; tcp and udp are");
    }
    IpAddress wanted;
    try {
      wanted = IpAddress.parse(address);
    } catch (IllegalArgumentException wrong) {
      throw new IOException(wrong.getMessage(), wrong);
    }
    Path process = Path.of("/proc/" + pid);
    Set<String> inodes = inodes(process, pid);
    boolean isFound = false;
    for (String file : List.of(protocol, protocol + "6")) {
      for (String line : Files.readAllLines(process.resolve("net/" + file))) {
        isFound |= isListener(line.strip().split("\\s+"), inodes, protocol, wanted, port);
      }
    }
    if (!isFound) {
      throw new IOException(
          "process "
              + pid
              + " has no listening "
              + protocol
              + " socket at "
              + IpAddress.withPort(wanted, port));
    }
    IpAddress reached =
        wanted.equals(IpAddress.ANY_IPV4)
            ? IpAddress.ipv4(0x7f00_0001)
            : wanted.equals(IpAddress.ANY_IPV6) ? IpAddress.ipv6(0, 1) : wanted;
    return IpAddress.withPort(reached, port);
  }

  private static Set<String> inodes(Path process, long pid) throws IOException {
    Set<String> inodes = new HashSet<>();
    try (Stream<Path> descriptors = Files.list(process.resolve("fd"))) {
      for (Path descriptor : descriptors.toList()) {
        try {
          String link = Files.readSymbolicLink(descriptor).toString();
          if (link.startsWith("socket:[")) {
            inodes.add(link.substring("socket:[".length(), link.length() - 1));
          }
        } catch (NoSuchFileException _) {
          // It has been closed meanwhile.
        }
      }
    } catch (NoSuchFileException missing) {
      throw new IOException("there is no process " + pid, missing);
    } catch (AccessDeniedException denied) {
      throw new IOException("you may not look into process " + pid, denied);
    }
    return inodes;
  }

  /** {@code sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …}. */
  private static boolean isListener(
      String[] columns, Set<String> inodes, String protocol, IpAddress wanted, int port) {
    if (columns.length < 10
        || !columns[3].equals(protocol.equals("tcp") ? LISTENING : UNCONNECTED)
        || !inodes.contains(columns[9])) {
      return false;
    }
    String[] local = columns[1].split(":", 2);
    if (Integer.parseInt(local[1], 16) != port) {
      return false;
    }
    IpAddress bound = address(local[0]);
    boolean isEverywhere =
        bound.equals(IpAddress.ANY_IPV6)
            || bound.equals(IpAddress.ANY_IPV4) && wanted.family() == bound.family();
    return isEverywhere || bound.equals(wanted);
  }

  /** Words of four bytes, each as the machine's own number. */
  private static IpAddress address(String hex) {
    byte[] bytes = HexFormat.of().parseHex(hex);
    ByteBuffer own = ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
    ByteBuffer network = ByteBuffer.allocate(bytes.length);
    while (own.hasRemaining()) {
      network.putInt(own.getInt());
    }
    IpAddress address = IpAddress.ofBytes(network.array());
    return address.isIpv4Mapped() ? IpAddress.ipv4((int) address.low()) : address;
  }
}
