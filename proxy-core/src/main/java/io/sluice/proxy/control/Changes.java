package io.sluice.proxy.control;

import io.sluice.config.Compaction;
import io.sluice.config.Config;
import io.sluice.config.ConfigDiff;
import io.sluice.config.ConfigException;
import io.sluice.config.ConfigReader;
import io.sluice.config.Document;
import io.sluice.config.Layer;
import io.sluice.config.Loaded;
import io.sluice.config.Problem;
import io.sluice.config.Transaction;
import io.sluice.config.Transaction.Wish;
import io.sluice.proxy.change.Answer;
import io.sluice.proxy.change.Generation;
import io.sluice.proxy.change.Transactions;
import io.sluice.proxy.change.Who;
import io.sluice.proxy.linux.Syscalls;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What changes the running daemon: one transaction after the other, wherever they come from.
 *
 * <pre>
 *   what is asked for ──▶ layers ──▶ merged and checked ──▶ Plan: prepared ──▶ state written ──▶ commit
 * </pre>
 *
 * <p>Asked by any thread; they are done on the control thread, by {@link #next}.
 */
public final class Changes implements Transactions, AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Changes.class);
  private static final int MOST_WAITING = 10_000;
  private static final int MOST_LOGGED = 20;
  private static final int NICE = 10; // a tenth of a processor that others want, too

  private final Daemon daemon;
  private final Path file;
  private final @Nullable StateFile state;
  private final Wishes wishes;
  private final History history = new History();
  private final Queue<Asked> asked = new ConcurrentLinkedQueue<>();
  private @Nullable Compaction compaction; // under way
  private volatile boolean isCompacted;
  private List<Problem> warned = List.of(); // what has been said needs no repetition
  private volatile boolean isClosed;

  private record Asked(Transaction what, Who who, CompletableFuture<Answer> answer) {}

  /**
   * Changes of a daemon that has started.
   *
   * @param file that {@link Wish.Reread} reads
   * @param state null if nothing is kept
   */
  Changes(Daemon daemon, Path file, @Nullable StateFile state, Wishes wishes) {
    this.daemon = daemon;
    this.file = file;
    this.state = state;
    this.wishes = wishes;
    history.add(daemon.snapshot().generation(), Who.of("start"), List.of(), document());
  }

  @Override
  public CompletableFuture<Answer> apply(Transaction transaction, Who who) {
    CompletableFuture<Answer> answer = new CompletableFuture<>();
    if (asked.size() >= MOST_WAITING) {
      answer.complete(refused("too many changes wait; ask again later"));
      return answer;
    }
    asked.add(new Asked(transaction, who, answer));
    wishes.changeAsked();
    if (isClosed) {
      refuseAll();
    }
    return answer;
  }

  @Override
  public List<Generation> history() {
    return history.list();
  }

  @Override
  public Document document() {
    return daemon.snapshot().config().document();
  }

  /** Does what was asked for next. On the control thread. */
  void next() throws InterruptedException {
    Compaction done = compaction;
    if (done != null && isCompacted) {
      daemon.recompiled(done.applied(daemon.snapshot().config()));
      compaction = null;
      isCompacted = false;
    }
    Asked next = asked.poll();
    if (next != null) {
      next.answer.complete(run(next.what, next.who));
    }
  }

  /** Does a transaction at once. On the control thread. */
  Answer run(Transaction transaction, Who who) throws InterruptedException {
    boolean isReload = transaction.wish() instanceof Wish.Reread;
    Answer answer;
    try {
      answer = tried(transaction, who);
    } catch (ConfigException bad) {
      answer = new Answer.Refused(bad.problems(), List.of());
    } catch (RefusedException refused) {
      answer = new Answer.Refused(refused.inFile(), refused.here());
    } catch (IOException | RuntimeException | Error failure) {
      answer =
          refused(String.valueOf(failure.getMessage())); // thrown on, it would end all sessions
    }
    switch (answer) {
      case Answer.Refused it when isReload && !transaction.isDryRun() ->
          daemon.reloadRefused(lines(it));
      case Answer.Refused it -> log.warn("change refused by=\"{}\"\n{}", who, lines(it));
      case Answer.Conflict it ->
          log.info("change refused by=\"{}\": generation {} is in force", who, it.generation());
      case Answer.Applied _ -> {}
    }
    return answer;
  }

  private static Answer.Refused refused(String why) {
    return new Answer.Refused(List.of(), List.of(why));
  }

  private static String lines(Answer.Refused refused) {
    StringBuilder lines = new StringBuilder();
    refused.inDocument().forEach(it -> lines.append(it).append('\n'));
    refused.here().forEach(it -> lines.append(it).append('\n'));
    return lines.toString().stripTrailing();
  }

  private Answer tried(Transaction transaction, Who who)
      throws ConfigException, IOException, InterruptedException {
    long generation = daemon.snapshot().generation();
    Long expected = transaction.expected();
    if (expected != null && expected != generation) {
      return new Answer.Conflict(generation);
    }
    boolean isReload = transaction.wish() instanceof Wish.Reread;
    Config before = daemon.snapshot().config();
    Loaded loaded =
        Interruptible.call(
            "sluice-check",
            () -> {
              if (isReload) {
                giveWay(); // it reads a whole file
              }
              return loaded(transaction.wish(), before);
            },
            wishes);
    if (loaded == null) {
      return refused("the daemon stops");
    }
    List<String> diff = ConfigDiff.words(before, loaded.config());
    boolean isSame = !isReload && diff.isEmpty() && isSame(before, loaded.config());
    if (transaction.isDryRun() || isSame) {
      return new Answer.Applied(generation, diff, loaded.warnings());
    }
    HeapGoal.set(loaded.config().bindings().size());
    try (Plan.Prepared prepared =
        Interruptible.call("sluice-prepare", () -> daemon.prepare(loaded.config()), wishes)) {
      if (prepared == null) {
        return refused("the daemon stops");
      }
      keep(before, loaded.config());
      daemon.commit(prepared);
    }
    return committed(isReload, who, diff, loaded.warnings());
  }

  /** Whether nothing has been said, even of what has no effect now. */
  private static boolean isSame(Config before, Config after) {
    return ConfigReader.stateText(before.document().layer(Layer.RUNTIME))
        .equals(ConfigReader.stateText(after.document().layer(Layer.RUNTIME)));
  }

  private Loaded loaded(Wish wish, Config before) throws ConfigException {
    return switch (wish) {
      case Wish.Edit(String layer, var _) when layer.equals(Layer.FILE) ->
          throw problem("file", "is changed on the disk, and then read again");
      case Wish.Edit(String layer, var changes) -> ConfigReader.edit(before, layer, changes);
      case Wish.Reread _ -> ConfigReader.reload(file, before);
      case Wish.Rollback(long number) -> {
        Document document = history.document(number);
        if (document == null) {
          throw problem("history", "generation " + number + " isn't kept; look which are");
        }
        yield ConfigReader.change(before, document);
      }
    };
  }

  private static ConfigException problem(String where, String what) {
    return new ConfigException(List.of(new Problem(where, 0, 0, "", what, Problem.Severity.ERROR)));
  }

  /** Writes the runtime layer down before it comes into force: what was answered survives. */
  private void keep(Config before, Config next) throws IOException {
    Layer layer = next.document().layer(Layer.RUNTIME);
    if (state != null && layer != before.document().layer(Layer.RUNTIME)) {
      state.write(layer);
    }
  }

  private Answer committed(boolean isReload, Who who, List<String> diff, List<Problem> warnings) {
    Config now = daemon.snapshot().config();
    long generation = daemon.snapshot().generation();
    history.add(generation, who, diff, now.document());
    compactIfNeeded(now);
    warnings.stream().filter(it -> !warned.contains(it)).forEach(daemon::warn);
    warned = warnings;
    if (isReload) {
      daemon.counters().reloads(true).increment();
    }
    log.info(
        "{} generation={} bindings={} destinations={} by=\"{}\" diff=\"{}\"",
        isReload ? "reloaded" : "changed",
        generation,
        now.bindings().size(),
        now.destinations().size(),
        who,
        shortened(diff));
    return new Answer.Applied(generation, diff, warnings);
  }

  /** Has bindings that were changed many times compiled anew, beside the changes that follow. */
  private void compactIfNeeded(Config now) {
    Compaction needed = compaction == null ? Compaction.of(now) : null;
    if (needed == null) {
      return;
    }
    compaction = needed;
    Thread.ofPlatform()
        .name("sluice-compile")
        .daemon()
        .start(() -> {
          giveWay();
          needed.run();
          isCompacted = true;
          wishes.changeAsked();
        });
  }

  /** The calling thread, which ends with what it does, lets those of traffic go before it. */
  private static void giveWay() {
    int _ = new Syscalls().giveWay(NICE);
  }

  private static String shortened(List<String> diff) {
    String words = String.join("; ", diff.subList(0, Math.min(MOST_LOGGED, diff.size())));
    return diff.size() <= MOST_LOGGED
        ? words
        : words + "; and " + (diff.size() - MOST_LOGGED) + " more";
  }

  /** Nothing is done any more: whoever waits is told so. */
  @Override
  public void close() {
    isClosed = true;
    refuseAll();
  }

  private void refuseAll() {
    for (Asked left = asked.poll(); left != null; left = asked.poll()) {
      left.answer.complete(refused("the daemon stops"));
    }
  }
}
