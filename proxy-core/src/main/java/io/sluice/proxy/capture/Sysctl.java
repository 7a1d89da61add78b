package io.sluice.proxy.capture;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Settings of the kernel, for the network namespace that this process is in. */
final class Sysctl {
  private static final Path SETTINGS = Path.of("/proc/sys");
  private static final int MOST_BYTES = 256;

  private Sysctl() {}

  /**
   * A setting's text, like that of {@code net/ipv4/ip_local_port_range}; the default if it can't be
   * read. In one read: the kernel gives nothing to a second one, and the JDK's first has one byte.
   */
  static String read(String name, String missing) {
    try (InputStream in = Files.newInputStream(SETTINGS.resolve(name))) {
      byte[] text = new byte[MOST_BYTES];
      int length = in.read(text);
      return length <= 0 ? missing : new String(text, 0, length, StandardCharsets.US_ASCII).strip();
    } catch (IOException _) {
      return missing;
    }
  }
}
