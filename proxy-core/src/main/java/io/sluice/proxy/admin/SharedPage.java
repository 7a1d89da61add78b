package io.sluice.proxy.admin;

import io.netty.buffer.ByteBuf;
import io.netty.util.concurrent.EventExecutor;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A page that takes time and memory to make: made once for all who ask for it while it is made, on
 * a thread that answers nothing else, and sent to all from the same bytes. Used on the server's
 * loop.
 */
final class SharedPage {
  private static final Logger log = LoggerFactory.getLogger(SharedPage.class);

  /** How many versions there are at once: one that is sent, and the next. */
  private static final int MAX_VERSIONS = 2;

  private final AdminServer.Page content;
  private final EventExecutor loop;
  private final Executor maker;
  private final Deque<Version> versions = new ArrayDeque<>();
  private List<AdminConnection> waiting = new ArrayList<>();

  /** The bytes of one making, and who is still reading them. */
  private record Version(ByteBuf bytes, List<AdminConnection> readers) {}

  /**
   * @param loop where it is used
   * @param maker where it is made
   */
  SharedPage(AdminServer.Page content, EventExecutor loop, Executor maker) {
    this.content = content;
    this.loop = loop;
    this.maker = maker;
  }

  /** Sends it to this connection as soon as it is made. */
  void sendTo(AdminConnection connection) {
    waiting.add(connection);
    if (waiting.size() == 1) {
      maker.execute(this::make);
    }
  }

  private void make() {
    Chunks out = new Chunks();
    boolean isWhole = false;
    try {
      content.writeTo(out);
      isWhole = true;
    } catch (IOException | RuntimeException | OutOfMemoryError failure) {
      log.error("a page of the admin server failed", failure);
    }
    boolean succeeded = isWhole;
    loop.execute(() -> handOut(out.whole(), succeeded));
  }

  private void handOut(ByteBuf bytes, boolean isWhole) {
    List<AdminConnection> readers = waiting;
    waiting = new ArrayList<>();
    versions.removeIf(it -> it.bytes.refCnt() == 0);
    while (versions.size() >= MAX_VERSIONS) {
      versions.removeFirst().readers.forEach(AdminConnection::close); // too slow to wait for
    }
    for (AdminConnection reader : readers) {
      if (isWhole) {
        reader.send(bytes.retainedDuplicate());
      } else {
        reader.fail();
      }
    }
    bytes.release();
    if (bytes.refCnt() > 0) {
      versions.addLast(new Version(bytes, readers));
    }
  }
}
