package io.sluice.proxy.program;

import io.sluice.steering.Program;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLConnection;
import java.net.URLStreamHandler;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.zip.ZipFile;
import org.jspecify.annotations.Nullable;

/**
 * The classes of one jar. They see the engine ({@code io.sluice.steering} and below), then what is
 * in their own jar, then the JDK; nothing of the rest of this process.
 *
 * <p>The whole jar is in memory, so that overwriting the file harms nobody who runs. There is
 * nothing to close: it is gone when nobody holds an object of its classes any more.
 */
final class JarClassLoader extends ClassLoader {
  private static final String ENGINE = "io.sluice.steering.";

  static {
    registerAsParallelCapable();
  }

  private final Map<String, byte[]> entries;

  private JarClassLoader(String name, Map<String, byte[]> entries) {
    super(name, getPlatformClassLoader());
    this.entries = entries;
  }

  /**
   * Reads a jar; of a multi-release one, what this JDK takes.
   *
   * @param maxBytes the most that it may unfold to
   * @throws IOException if it is no jar, is too large, or can't be read
   */
  static JarClassLoader read(Path jar, int maxBytes) throws IOException {
    Map<String, byte[]> entries = new HashMap<>();
    try (JarFile file =
        new JarFile(jar.toFile(), false, ZipFile.OPEN_READ, JarFile.runtimeVersion())) {
      int room = maxBytes;
      for (JarEntry entry : file.versionedStream().filter(it -> !it.isDirectory()).toList()) {
        try (InputStream in = Objects.requireNonNull(file.getInputStream(entry))) {
          byte[] bytes = in.readNBytes(room + 1);
          room -= bytes.length;
          if (room < 0) {
            throw new IOException("it unfolds to more than " + (maxBytes >> 20) + " MiB");
          }
          entries.put(entry.getName(), bytes);
        }
      }
    }
    return new JarClassLoader(String.valueOf(jar.getFileName()), entries);
  }

  /** The classes with this simple name, as the configuration writes them, to suggest one. */
  List<String> classesNamed(String simpleName) {
    String end = simpleName + ".class";
    return entries.keySet().stream()
        .filter(it -> it.endsWith("/" + end) || it.endsWith("$" + end) || it.equals(end))
        .map(it -> it.substring(0, it.length() - ".class".length()).replace('/', '.'))
        .map(it -> it.replace("$", "$$"))
        .sorted()
        .toList();
  }

  @Override
  protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
    synchronized (getClassLoadingLock(name)) {
      Class<?> known = findLoadedClass(name);
      if (known != null) {
        return known;
      }
      if (name.startsWith(ENGINE)) {
        return Class.forName(name, false, Program.class.getClassLoader());
      }
      byte[] bytes = name.startsWith("java.") ? null : entries.get(fileOf(name));
      return bytes == null
          ? super.loadClass(name, resolve)
          : defineClass(name, bytes, 0, bytes.length);
    }
  }

  private static String fileOf(String className) {
    return className.replace('.', '/') + ".class";
  }

  @Override
  protected @Nullable URL findResource(String name) {
    if (!entries.containsKey(name)) {
      return null;
    }
    try {
      return URL.of(new URI("jar-entry", null, "/" + name, null), new Entries());
    } catch (URISyntaxException | IOException _) {
      return null; // no name that one could ask for
    }
  }

  @Override
  protected Enumeration<URL> findResources(String name) {
    URL found = findResource(name);
    return Collections.enumeration(found == null ? List.of() : List.of(found));
  }

  /** Opens what {@link #findResource} names. */
  private final class Entries extends URLStreamHandler {
    @Override
    protected URLConnection openConnection(URL url) throws IOException {
      byte[] bytes;
      try {
        bytes = entries.get(Objects.requireNonNull(url.toURI().getPath()).substring(1));
      } catch (URISyntaxException wrong) {
        throw new IOException(wrong);
      }
      if (bytes == null) {
        throw new IOException(url + ": no such entry");
      }
      return new URLConnection(url) {
        @Override
        public void connect() {}

        @Override
        public int getContentLength() {
          return bytes.length;
        }

        @Override
        public InputStream getInputStream() {
          return new ByteArrayInputStream(bytes);
        }
      };
    }
  }
}
