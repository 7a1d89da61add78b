package io.sluice.proxy.control;

import static java.util.Objects.requireNonNull;

import io.sluice.config.Config;
import io.sluice.config.ConfigException;
import io.sluice.config.ConfigReader;
import io.sluice.config.HostPort;
import io.sluice.config.Layer;
import io.sluice.config.Loaded;
import io.sluice.config.Transaction;
import io.sluice.proxy.change.Answer;
import io.sluice.proxy.change.Who;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.observe.AccessLog;
import io.sluice.proxy.observe.StandardError;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.security.Security;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The daemon in the foreground, until a signal ends it: what {@code sluice run} does. */
public final class Foreground {
  /** Where the configuration is, unless one is named. */
  public static final String DEFAULT_FILE = "/etc/sluice/sluice.yaml";

  private static final List<String> FORMS = List.of("text", "json");
  private static final List<String> LEVELS =
      List.of("OFF", "ERROR", "WARN", "INFO", "DEBUG", "TRACE");

  private static final long RECONCILE_MILLIS = 1_000;
  private static final Set<String> VITAL = Set.of("main", "sluice-watch");

  private static final Transaction REREAD =
      new Transaction(new Transaction.Wish.Reread(Layer.FILE), null, false);

  private final Path file;
  private final @Nullable Path from;
  private final PrintWriter err;
  private final Wishes wishes = new Wishes(() -> Runtime.getRuntime().halt(ExitCode.FAILED));

  /**
   * Of a configuration. Takes signals from now on, so this comes before anything that takes time;
   * then everything that is printed.
   */
  public Foreground(Path file) {
    this(file, null);
  }

  /**
   * The same in the place of a daemon that runs.
   *
   * @param from its takeover socket; empty for the one that belongs to the file; null if there is
   *     none to take over from
   */
  public Foreground(Path file, @Nullable Path from) {
    this.file = file;
    this.from = from;
    for (String name : new String[] {"TERM", "INT", "HUP"}) {
      Signals.handle(name, wishes::received);
    }
    Signals.handle("USR1", _ -> AccessLog.reopen());
    this.err = StandardError.takePrints();
  }

  /** Serves; the answer is the exit code. */
  public int run() throws InterruptedException {
    Thread.setDefaultUncaughtExceptionHandler(Foreground::uncaught);
    // The resolver keeps answers itself, and asks again when they fail or age.
    Security.setProperty("networkaddress.cache.ttl", "0");
    Security.setProperty("networkaddress.cache.negative.ttl", "0");
    String wrong = wrongEnvironment(System.getenv());
    if (wrong != null) {
      err.println("sluice: " + wrong);
      return ExitCode.WRONG_USAGE;
    }
    return from == null ? start() : takeOver(from);
  }

  private int start() throws InterruptedException {
    Loaded loaded = startingConfiguration();
    if (loaded == null) {
      return wishes.isStopWished() ? ExitCode.DONE : ExitCode.BAD_CONFIGURATION;
    }
    HeapGoal.set(loaded.config().bindings().size());
    Daemon daemon = new Daemon(loaded.config());
    return run(daemon, loaded.config(), daemon::start);
  }

  /** Serves in the place of another daemon. */
  private int takeOver(Path given) throws InterruptedException {
    Path socket = given.toString().isEmpty() ? socketOfFile() : given;
    if (socket == null) {
      return ExitCode.FAILED;
    }
    try (TakingOver other = new TakingOver(socket)) {
      Config config = other.document(file).config();
      HeapGoal.set(config.bindings().size());
      Daemon daemon = new Daemon(config, other.takeSockets());
      return run(daemon, config, () -> new Succession(daemon).takeOver(other));
    } catch (ConfigException bad) {
      bad.problems().forEach(err::println);
      return ExitCode.BAD_CONFIGURATION;
    } catch (IOException failure) {
      say(String.valueOf(failure.getMessage()));
      return ExitCode.FAILED;
    }
  }

  /** The takeover socket of a daemon with this file; null, with a line that says why. */
  private @Nullable Path socketOfFile() {
    Loaded loaded = load(file, err);
    Path admin = loaded == null ? null : loaded.config().admin().socket().listeningPath();
    if (admin == null && loaded != null) {
      say("can't take over: " + file + " has no admin.socket; write --takeover=SOCKET");
    }
    return admin == null ? null : TakeoverSocket.beside(admin);
  }

  /** How a daemon comes to serve. */
  private interface Start {
    void run() throws IOException, InterruptedException;
  }

  private int run(Daemon daemon, Config config, Start start) throws InterruptedException {
    Path kept = config.admin().state();
    StateFile state = kept == null ? null : new StateFile(kept);
    daemon.whenLoopEnds(Foreground::end);
    try {
      if (Interruptible.call("sluice-start", () -> started(start), wishes) == null) {
        return ExitCode.DONE; // a stop came first
      }
    } catch (ConfigException unread) {
      throw new IllegalStateException(unread); // it has been read before
    } catch (RefusedException refused) {
      refused.inFile().forEach(err::println);
      refused.here().forEach(this::say);
      return refused.isLasting() ? ExitCode.BAD_CONFIGURATION : ExitCode.FAILED;
    } catch (IOException failure) {
      say(String.valueOf(failure.getMessage()));
      return ExitCode.FAILED;
    }
    boolean isHandedOver;
    try (Changes changes = new Changes(daemon, file, state, wishes)) {
      openSocket(daemon, changes);
      isHandedOver = serve(daemon, changes, config);
    } catch (IOException failure) {
      say(String.valueOf(failure.getMessage()));
      daemon.stop();
      return ExitCode.FAILED;
    }
    if (isHandedOver) {
      new Succession(daemon).leave();
    } else {
      Systemd.tell("STOPPING=1");
      daemon.leave();
      daemon.stop();
    }
    return ExitCode.DONE;
  }

  /** For want of it a daemon that has taken over doesn't end what it has taken. */
  private void openSocket(Daemon daemon, Changes changes) throws IOException, InterruptedException {
    try {
      daemon.openSocket(changes);
    } catch (IOException failure) {
      if (from == null) {
        throw failure;
      }
      say(String.valueOf(failure.getMessage()));
    }
  }

  private void sayReady(Daemon daemon) {
    HostPort admin = daemon.adminAddress();
    err.println("ready" + (admin == null ? "" : " http://" + admin));
    err.flush();
    Systemd.tell("READY=1");
    long watchdogMillis = Systemd.watchdogMillis(System.getenv());
    if (watchdogMillis > 0) {
      daemon.whileLoopsAnswer(watchdogMillis / 2, () -> Systemd.tell("WATCHDOG=1"));
    }
  }

  /**
   * Reads the file; prints what is wrong or doubtful.
   *
   * @return null if it can't be used
   */
  public static @Nullable Loaded load(Path file, PrintWriter err) {
    try {
      Loaded loaded = ConfigReader.load(file);
      loaded.warnings().forEach(err::println);
      return loaded;
    } catch (ConfigException bad) {
      bad.problems().forEach(err::println);
      return null;
    }
  }

  /** What is wrong with the variables that logging reads: it would take them silently; or null. */
  static @Nullable String wrongEnvironment(Map<String, String> environment) {
    String form = environment.getOrDefault("SLUICE_LOG", "text");
    if (!FORMS.contains(form)) {
      return "SLUICE_LOG=" + form + " is no form of log; write " + String.join(" or ", FORMS);
    }
    for (String name : List.of("SLUICE_LOG_LEVEL", "SLUICE_ACCESS_LOG")) {
      String level = environment.getOrDefault(name, "INFO");
      if (!LEVELS.contains(level)) {
        return name + "=" + level + " is no level; write one of " + String.join(", ", LEVELS);
      }
    }
    return null;
  }

  private @Nullable Loaded startingConfiguration() throws InterruptedException {
    try {
      return Interruptible.call("sluice-load", () -> withState(load(file, err)), wishes);
    } catch (ConfigException bad) {
      bad.problems().forEach(err::println);
    } catch (IOException failure) {
      say(String.valueOf(failure.getMessage()));
    }
    return null;
  }

  /** With the layer that was changed at run time, if it is kept. */
  private @Nullable Loaded withState(@Nullable Loaded loaded) throws IOException, ConfigException {
    Path kept = loaded == null ? null : loaded.config().admin().state();
    if (loaded == null || kept == null) {
      return loaded;
    }
    Config config = loaded.config();
    Layer runtime = new StateFile(kept).read(config);
    if (runtime.isEmpty()) {
      return loaded;
    }
    Loaded whole = ConfigReader.change(config, config.document().with(runtime));
    whole.warnings().stream().filter(it -> !loaded.warnings().contains(it)).forEach(err::println);
    return whole;
  }

  private static Boolean started(Start start) throws IOException, InterruptedException {
    AccessLog.open();
    start.run();
    return true;
  }

  private void say(String lines) {
    lines.lines().forEach(line -> err.println("sluice: " + line));
  }

  /** Serves until it is to stop, or another daemon has taken over: then true. */
  private boolean serve(Daemon daemon, Changes changes, Config config) throws InterruptedException {
    TakeoverSocket takeover = takeoverSocket(config);
    try {
      sayReady(daemon);
      return serve(daemon, changes, takeover);
    } finally {
      if (takeover != null) {
        takeover.close();
      }
    }
  }

  private @Nullable TakeoverSocket takeoverSocket(Config config) {
    Path admin = config.admin().socket().listeningPath();
    try {
      return admin == null ? null : new TakeoverSocket(TakeoverSocket.beside(admin), wishes);
    } catch (IOException failure) {
      say(String.valueOf(failure.getMessage()));
      return null;
    }
  }

  private boolean serve(Daemon daemon, Changes changes, @Nullable TakeoverSocket takeover)
      throws InterruptedException {
    long reconcileAt = Loop.nowMillis() + RECONCILE_MILLIS;
    while (true) {
      switch (wishes.await(reconcileAt - Loop.nowMillis())) {
        case STOP -> {
          return false;
        }
        case RELOAD -> {
          Systemd.tell("RELOADING=1");
          Answer _ = changes.run(REREAD, Who.of("SIGHUP"));
          Systemd.tell("READY=1");
        }
        case CHANGE -> changes.next();
        case HANDOVER -> {
          if (isHandedOver(daemon, takeover)) {
            return true;
          }
        }
        case NOTHING -> {}
      }
      if (Loop.nowMillis() >= reconcileAt) { // however many changes come
        daemon.reconcile();
        reconcileAt = Loop.nowMillis() + RECONCILE_MILLIS;
      }
    }
  }

  private boolean isHandedOver(Daemon daemon, @Nullable TakeoverSocket takeover)
      throws InterruptedException {
    try (TakeoverSocket.Asked asked = wishes.handover()) {
      boolean isDone = asked != null && new HandingOver(daemon, asked.wire()).run();
      if (isDone && takeover != null) {
        takeover.leaveFile();
        Systemd.tell("MAINPID=" + requireNonNull(asked).pid());
      }
      return isDone;
    }
  }

  /** A thread has ended by what it threw. */
  private static void uncaught(Thread thread, Throwable failure) {
    System.err.println("sluice: thread " + thread.getName() + " failed");
    failure.printStackTrace(); // a fault of ours: who mends it needs all of it
    if (failure instanceof VirtualMachineError || VITAL.contains(thread.getName())) {
      end("thread " + thread.getName() + " has ended");
    }
  }

  /** What can't be survived ends the process, so that whoever watches it can start another. */
  private static void end(String why) {
    System.err.println("sluice: " + why + "; the process ends");
    Runtime.getRuntime().halt(ExitCode.BROKEN);
  }
}
