package io.sluice.proxy.control;

import io.sluice.config.Config;
import io.sluice.config.ConfigReader;
import io.sluice.config.Layer;
import io.sluice.proxy.handover.Form;
import io.sluice.proxy.handover.Frame;
import io.sluice.proxy.handover.HandedSocket;
import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.handover.Wire;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.observe.Version;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
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

  private static final int SOCKETS_PER_FRAME = 200;

  private final Daemon daemon;
  private final Wire wire;

  HandingOver(Daemon daemon, Wire wire) {
    this.daemon = daemon;
    this.wire = wire;
  }

  /** Hands over; false if that failed, and this daemon serves on. */
  boolean run() throws InterruptedException {
    long startMillis = Loop.nowMillis();
    boolean isPaused = false;
    try {
      offerDocument();
      sendSockets(daemon.hand());
      await(Frame.PREPARED);
      isPaused = true;
      daemon.pause();
      wire.send(Frame.SERVE);
      await(Frame.SERVING);
      daemon.closeAdmin();
      wire.send(Frame.END);
      await(Frame.DONE);
      log.info(
          "handed over millis={} sessionsLeft={}",
          Loop.nowMillis() - startMillis,
          daemon.sessions());
      return true;
    } catch (IOException | RuntimeException failure) {
      wire.refuse(String.valueOf(failure.getMessage()));
      if (isPaused) {
        daemon.resume();
      }
      log.warn(
          "not handed over, this daemon serves on millis={} why=\"{}\"",
          Loop.nowMillis() - startMillis,
          failure.getMessage());
      return false;
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
