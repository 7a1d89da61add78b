package io.sluice.proxy.observe;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;

/** The version that was built, from the jar. */
public final class Version {
  private static final String CURRENT = read();

  private Version() {}

  /** Like {@code 0.1.0}. */
  public static String current() {
    return CURRENT;
  }

  private static String read() {
    try (InputStream in = requireNonNull(Version.class.getResourceAsStream("version.properties"))) {
      Properties properties = new Properties();
      properties.load(in);
      return requireNonNull(properties.getProperty("version"));
    } catch (IOException broken) {
      throw new UncheckedIOException(broken);
    }
  }
}
