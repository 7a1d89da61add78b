package io.sluice.proxy.control;

import io.sluice.config.Config;
import io.sluice.config.ConfigException;
import io.sluice.config.ConfigReader;
import io.sluice.config.Layer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;

/**
 * Where the runtime layer survives a restart. Written whole under another name, synced, renamed: at
 * any moment the file is the one before or the new one. Called on the control thread.
 */
final class StateFile {
  private final Path file;

  StateFile(Path file) {
    this.file = file;
  }

  /**
   * The layer; an empty one if there is no file yet.
   *
   * @param config of the file, beside which the layer's own files are
   * @throws ConfigException if it isn't whole, or isn't Sluice's
   */
  Layer read(Config config) throws IOException, ConfigException {
    String text;
    try {
      text = Files.readString(file);
    } catch (NoSuchFileException _) {
      return Layer.empty(Layer.RUNTIME);
    } catch (CharacterCodingException _) {
      text = ""; // is none of ours, and is refused by name
    } catch (IOException failure) {
      throw new IOException("admin.state: " + file + " can't be read: " + failure, failure);
    }
    return ConfigReader.state(file.toString(), text, config);
  }

  /** Puts a layer in the place of the one before; it is on the disk when this returns. */
  void write(Layer layer) throws IOException {
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    try {
      Files.deleteIfExists(fresh);
      Files.createFile(
          fresh,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      try (FileChannel channel = FileChannel.open(fresh, StandardOpenOption.WRITE)) {
        ByteBuffer bytes = StandardCharsets.UTF_8.encode(ConfigReader.stateText(layer));
        while (bytes.hasRemaining()) {
          channel.write(bytes);
        }
        channel.force(true);
      }
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
      syncDirectory();
    } catch (IOException failure) {
      throw new IOException("admin.state: " + file + " can't be written: " + failure, failure);
    }
  }

  /** A rename is on the disk only when its directory is. */
  private void syncDirectory() throws IOException {
    Path directory = Objects.requireNonNull(file.toAbsolutePath().getParent());
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
