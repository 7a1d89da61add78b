package io.sluice.proxy.linux;

import io.sluice.steering.PortRange;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Settings of the kernel, for the network namespace that this process is in. */
public final class Sysctl {
  private static final Path SETTINGS = Path.of("/proc/sys");
  private static final int MOST_BYTES = 256;

  private Sysctl() {}

  /** The interfaces that have settings for IPv4, in alphabetical order. */
  public static List<String> devices() {
    List<String> devices = new ArrayList<>();
    try (Stream<Path> all = Files.list(SETTINGS.resolve("net/ipv4/conf"))) {
      all.map(it -> String.valueOf(it.getFileName())).sorted().forEach(devices::add);
    } catch (IOException | UncheckedIOException _) {
      // Without /proc nobody can tell.
    }
    devices.removeAll(List.of("all", "default"));
    return devices;
  }

  /**
   * A setting's text, like that of {@code net/ipv4/ip_local_port_range}; the default if it can't be
   * read. In one read: the kernel gives nothing to a second one, and the JDK's first has one byte.
   */
  public static String read(String name, String missing) {
    try (InputStream in = Files.newInputStream(SETTINGS.resolve(name))) {
      byte[] text = new byte[MOST_BYTES];
      int length = in.read(text);
      return length <= 0 ? missing : new String(text, 0, length, StandardCharsets.US_ASCII).strip();
    } catch (IOException _) {
      return missing;
    }
  }

  /**
   * The ports that the kernel gives to sockets that ask for none; its own default if unreadable.
   */
  public static PortRange ephemeralPorts() {
    String range = read("net/ipv4/ip_local_port_range", "");
    try {
      return PortRange.parse(range.replaceAll("\\s+", "-"));
    } catch (IllegalArgumentException _) {
      return new PortRange(32_768, 60_999);
    }
  }
}
