package io.sluice.proxy.control;

import io.sluice.config.ConfigException;
import io.sluice.config.ConfigReader;
import io.sluice.config.Loaded;
import io.sluice.proxy.handover.Answer;
import io.sluice.proxy.handover.Form;
import io.sluice.proxy.handover.Frame;
import io.sluice.proxy.handover.HandedSocket;
import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.handover.Records;
import io.sluice.proxy.handover.Unpacker;
import io.sluice.proxy.handover.Wire;
import io.sluice.proxy.linux.PeerCredentials;
import io.sluice.proxy.observe.Version;
import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a daemon does that takes over from another one: docs/takeover.md has the steps. Nothing of
 * the other one's is changed before {@link #serving}. On one thread after the other.
 */
final class TakingOver implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(TakingOver.class);
  private static final int MOST_BYTES = 1 << 30;
  private static final long WORKING_MILLIS = 1_000;
  private static final int LOOKS = 100;
  private static final long LOOK_MILLIS = 20;

  private final Wire wire;
  private final String version;
  private final long generation;
  private final byte[] file;
  private final byte[] state;
  private final List<HandedSocket> sockets = new ArrayList<>();
  private Consumer<Unpacker> counted = _ -> {};

  /**
   * Asks a daemon for what it has, and hears of its document.
   *
   * @throws IOException if it hands over nothing; the message is one line
   */
  TakingOver(Path socket) throws IOException {
    this.wire = Wire.connect(socket, MOST_BYTES);
    boolean isWelcome = false;
    try {
      wire.send(Frame.HELLO, new Packer().u16(Form.LEAST).u16(Form.NUMBER).text(Version.current()));
      try (Wire.Received welcome = wire.expect(Frame.WELCOME);
          Wire.Received document = wire.expect(Frame.DOCUMENT)) {
        int _ = welcome.fields().u16();
        this.version = welcome.fields().text();
        this.generation = welcome.fields().i64();
        this.file = document.fields().bytes();
        this.state = document.fields().bytes();
      }
      isWelcome = true;
    } catch (Unpacker.MalformedException malformed) {
      throw new IOException(malformed.getMessage(), malformed);
    } finally {
      if (!isWelcome) {
        wire.close();
      }
    }
  }

  /** The generation that is in force there. */
  long generation() {
    return generation;
  }

  /** What is in force there; a problem is told to the other daemon as well. */
  Loaded document(Path from) throws ConfigException {
    try (var _ = new Working()) {
      return ConfigReader.takenOver(
          from,
          new String(file, StandardCharsets.UTF_8),
          new String(state, StandardCharsets.UTF_8));
    } catch (ConfigException unreadable) {
      refuse("the new daemon can't read the document in force: " + unreadable.getMessage());
      throw unreadable;
    }
  }

  /** Says that it can be read, and gets the sockets that traffic comes in by. */
  List<HandedSocket> takeSockets() throws IOException {
    wire.send(Frame.READABLE);
    boolean isLast = false;
    try {
      while (!isLast) {
        try (Wire.Received frame = wire.expect(Frame.SOCKETS)) {
          isLast = frame.fields().flag();
          for (int left = frame.fields().u16(); left > 0; left--) {
            sockets.add(HandedSocket.unpack(frame.fields()));
          }
        }
      }
    } catch (Unpacker.MalformedException malformed) {
      throw new IOException(malformed.getMessage(), malformed);
    }
    return List.copyOf(sockets);
  }

  /** Tells the other daemon that this one works, while something takes long. */
  Working working() {
    return new Working();
  }

  /** Could serve; returns when the other one takes nothing in any more. */
  void prepared(Newcomers newcomers) throws IOException, InterruptedException {
    wire.send(Frame.PREPARED);
    newcomers.findFronts();
    takeUntil(Frame.SERVE, newcomers);
  }

  /**
   * Serves; returns when the other one has told all.
   *
   * @param counted reads what the other one has counted
   */
  void serving(Newcomers newcomers, Consumer<Unpacker> counted)
      throws IOException, InterruptedException {
    this.counted = counted;
    wire.send(Frame.SERVING);
    takeUntil(Frame.END, newcomers);
  }

  /** Takes what the other daemon hands over, until it says that this was all of its kind. */
  private void takeUntil(Frame last, Newcomers newcomers) throws IOException, InterruptedException {
    try {
      while (true) {
        try (Wire.Received frame = wire.receive()) {
          switch (frame.kind()) {
            case FLOWS, SESSIONS -> {
              List<Unpacker> all = Records.split(frame.fields());
              wire.send(Frame.TAKEN, Answer.pack(newcomers.take(frame.kind(), all)));
            }
            case YOURS -> newcomers.goOn();
            case COUNTERS -> counted.accept(frame.fields());
            case REFUSED -> throw new IOException(frame.fields().text());
            default -> {
              if (frame.kind() != last) {
                throw new IOException("a frame " + frame.kind() + " comes before " + last);
              }
              newcomers.goOn();
              return;
            }
          }
        }
      }
    } catch (Unpacker.MalformedException malformed) {
      throw new IOException(malformed.getMessage(), malformed);
    }
  }

  /** Has all. */
  void done() {
    try {
      wire.send(Frame.DONE);
    } catch (IOException _) {
      // It has died, or gives up waiting: it has nothing left.
    }
    log.info("taken over from version={} generation={}", version, generation);
  }

  /**
   * Whether the other daemon's process has ended, after a call failed: then this one goes on alone.
   * Whoever gives up says so before it closes its end.
   */
  boolean hasDied(IOException failure) {
    PeerCredentials who = wire.peer();
    if (!(failure instanceof EOFException) || who == null || who.pid() <= 0) {
      return false;
    }
    for (int looks = 0; looks < LOOKS; looks++) {
      if (isOver(who.pid())) {
        return true;
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(LOOK_MILLIS));
    }
    return false;
  }

  /** Gone, or a zombie. */
  private static boolean isOver(int pid) {
    try {
      String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
      char state = stat.charAt(stat.lastIndexOf(')') + 2);
      return state == 'Z' || state == 'X';
    } catch (IOException _) {
      return true;
    }
  }

  void refuse(String why) {
    wire.refuse(why);
  }

  @Override
  public void close() {
    wire.close();
  }

  /** Says again and again that this daemon works. */
  final class Working implements AutoCloseable {
    private volatile boolean isOver;
    private final Thread thread =
        Thread.ofPlatform().daemon().name("sluice-working").start(this::run);

    private void run() {
      while (!isOver) {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(WORKING_MILLIS));
        if (!isOver) {
          try {
            wire.send(Frame.WORKING);
          } catch (IOException _) {
            return; // who uses the wire next hears of it
          }
        }
      }
    }

    @Override
    public void close() {
      isOver = true;
      LockSupport.unpark(thread);
      try {
        thread.join();
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
