package io.sluice.proxy.control;

import io.sluice.config.Config;
import io.sluice.config.ConfigReader;
import io.sluice.config.Layer;
import io.sluice.proxy.handover.Answer;
import io.sluice.proxy.handover.Form;
import io.sluice.proxy.handover.Frame;
import io.sluice.proxy.handover.HandedSocket;
import io.sluice.proxy.handover.Leaving;
import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.handover.Parting;
import io.sluice.proxy.handover.Unpacker;
import io.sluice.proxy.handover.Wire;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.observe.Version;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the daemon does that another one takes over from: docs/takeover.md has the steps. Whatever
 * goes wrong, it serves on with all that the other one has not acknowledged. On the control thread.
 */
final class HandingOver {
  private static final Logger log = LoggerFactory.getLogger(HandingOver.class);

  /** How long the other one may say that it works. */
  private static final long MOST_MILLIS = 60_000;

  /** How long it waits for connections that are about to be made, or to end. */
  private static final long LAST_PASS_MILLIS = 1_000;

  private static final long PASS_MILLIS = 20;
  private static final int SOCKETS_PER_FRAME = 200;

  private final Daemon daemon;
  private final Wire wire;
  private final Succession succession;
  private final List<Parted> parted = new ArrayList<>();

  HandingOver(Daemon daemon, Wire wire) {
    this.daemon = daemon;
    this.wire = wire;
    this.succession = new Succession(daemon);
  }

  /** Hands over; false if that failed, and this daemon serves on. */
  boolean run() throws InterruptedException {
    long startMillis = Loop.nowMillis();
    boolean isPaused = false;
    try {
      offerDocument();
      sendSockets(daemon.captures().hand());
      await(Frame.PREPARED);
      isPaused = true;
      succession.pause();
      handFlows();
      wire.send(Frame.SERVE);
      await(Frame.SERVING);
      int flows = flowsAreGone();
      int sessions = handSessions();
      daemon.closeAdmin();
      wire.send(Frame.COUNTERS, HandedCounters.pack(daemon.counters(), daemon.snapshot()));
      wire.send(Frame.END);
      await(Frame.DONE);
      log.info(
          "handed over millis={} connections={} flows={} left={}",
          Loop.nowMillis() - startMillis,
          sessions,
          flows,
          daemon.sessions());
      return true;
    } catch (IOException | RuntimeException failure) {
      wire.refuse(String.valueOf(failure.getMessage()));
      parted.forEach(it -> it.loop.execute(it.some::back));
      if (isPaused) {
        succession.resume();
      }
      log.warn(
          "not handed over, this daemon serves on millis={} why=\"{}\"",
          Loop.nowMillis() - startMillis,
          failure.getMessage());
      return false;
    }
  }

  /** Flows that the other daemon has taken; they are gone when it serves. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Parted(Loop loop, Parting some, int[] refused) {}

  private void handFlows() throws IOException, InterruptedException {
    for (LoopSessions.Relays it : daemon.relays()) {
      each(
          it.loop(),
          it.udp().moves()::leaving,
          some -> {
            parted.add(new Parted(it.loop(), some, new int[0])); // it comes back if that fails
            parted.set(parted.size() - 1, new Parted(it.loop(), some, hand(Frame.FLOWS, some)));
          });
    }
  }

  private int flowsAreGone() {
    int flows = 0;
    for (Parted it : parted) {
      it.loop.execute(() -> it.some.gone(it.refused));
      flows += it.some.size() - it.refused.length;
    }
    parted.clear();
    return flows;
  }

  /** Hands connections over until all are gone, but for those that can't be as they are. */
  private int handSessions() throws IOException, InterruptedException {
    long deadline = Loop.nowMillis() + LAST_PASS_MILLIS;
    int handed = handSessionsOnce();
    while (daemon.connections() > 0 && Loop.nowMillis() < deadline) {
      Thread.sleep(PASS_MILLIS); // some are about to be connected, or to end
      handed += handSessionsOnce();
    }
    return handed;
  }

  private int handSessionsOnce() throws IOException, InterruptedException {
    int[] handed = {0};
    for (LoopSessions.Relays it : daemon.relays()) {
      each(
          it.loop(),
          it.tcp()::leaving,
          some -> {
            boolean isGone = false;
            try {
              int[] refused = hand(Frame.SESSIONS, some);
              LoopSessions.onLoop(it.loop(), Executors.callable(() -> some.gone(refused)));
              isGone = true;
              handed[0] += some.size() - refused.length;
              wire.send(Frame.YOURS);
            } finally {
              if (!isGone) {
                it.loop().execute(some::back);
              }
            }
          });
    }
    return handed[0];
  }

  private interface Hand {
    void over(Parting some) throws IOException, InterruptedException;
  }

  /** Does something with all that can leave a loop, some at a time. */
  private static void each(Loop loop, Callable<Leaving> start, Hand hand)
      throws IOException, InterruptedException {
    Leaving leaving = LoopSessions.onLoop(loop, start);
    try {
      for (Parting some = next(loop, leaving); some != null; some = next(loop, leaving)) {
        hand.over(some);
      }
    } finally {
      loop.execute(leaving::close);
    }
  }

  private static @Nullable Parting next(Loop loop, Leaving leaving)
      throws IOException, InterruptedException {
    return LoopSessions.<@Nullable Parting>onLoop(loop, leaving::next);
  }

  /** Sends some, and hears which of them the other daemon doesn't take. */
  private int[] hand(Frame kind, Parting some) throws IOException {
    wire.send(kind, some.records().fields());
    try (Wire.Received taken = wire.expect(Frame.TAKEN)) {
      int[] refused = Answer.unpack(taken.fields());
      for (int index : refused) {
        if (index >= some.size()) {
          throw new IOException("the new daemon refuses what it wasn't given");
        }
      }
      return refused;
    } catch (Unpacker.MalformedException malformed) {
      throw new IOException(malformed.getMessage(), malformed);
    }
  }

  private void offerDocument() throws IOException {
    Config config = daemon.snapshot().config();
    wire.send(
        Frame.WELCOME,
        new Packer()
            .u16(Form.NUMBER)
            .text(Version.current())
            .i64(daemon.snapshot().generation())
            .i64(ProcessHandle.current().pid()));
    Layer runtime = config.document().layer(Layer.RUNTIME);
    wire.send(
        Frame.DOCUMENT,
        new Packer()
            .bytes(ConfigReader.fileText(config).getBytes(StandardCharsets.UTF_8))
            .bytes(ConfigReader.stateText(runtime).getBytes(StandardCharsets.UTF_8)));
    await(Frame.READABLE);
  }

  private void sendSockets(List<HandedSocket> sockets) throws IOException {
    for (int at = 0; at == 0 || at < sockets.size(); at += SOCKETS_PER_FRAME) {
      int until = Math.min(sockets.size(), at + SOCKETS_PER_FRAME);
      Packer fields = new Packer().flag(until == sockets.size()).u16(until - at);
      sockets.subList(at, until).forEach(it -> it.pack(fields));
      wire.send(Frame.SOCKETS, fields);
    }
  }

  /** Waits for a frame without fields, for as long as the other one works. */
  private void await(Frame kind) throws IOException {
    long deadline = Loop.nowMillis() + MOST_MILLIS;
    while (true) {
      try (Wire.Received frame = wire.expect(kind, Frame.WORKING)) {
        if (frame.kind() == kind) {
          return;
        }
      }
      if (Loop.nowMillis() >= deadline) {
        throw new IOException("the new daemon isn't ready after " + MOST_MILLIS + " ms");
      }
    }
  }
}
