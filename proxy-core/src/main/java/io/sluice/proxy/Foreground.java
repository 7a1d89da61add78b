package io.sluice.proxy;

import io.sluice.config.ConfigException;
import io.sluice.config.ConfigReader;
import io.sluice.config.HostPort;
import io.sluice.config.Loaded;
import io.sluice.proxy.capture.UnmetRequirementException;
import io.sluice.proxy.target.SourceChecks;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.security.Security;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/** The daemon in the foreground, until a signal ends it: what {@code sluice run} does. */
final class Foreground {
  /** Where the configuration is, unless one is named. */
  static final String DEFAULT_FILE = "/etc/sluice/sluice.yaml";

  private static final List<String> FORMS = List.of("text", "json");
  private static final List<String> LEVELS =
      List.of("OFF", "ERROR", "WARN", "INFO", "DEBUG", "TRACE");

  private final Path file;
  private final PrintWriter err;
  private final BlockingQueue<String> signals = new LinkedBlockingQueue<>();
  private volatile boolean stopping;

  /** Of a configuration; what is to be said goes to {@code err}. */
  Foreground(Path file, PrintWriter err) {
    this.file = file;
    this.err = err;
  }

  /** Serves; the answer is the exit code. */
  int run() throws InterruptedException {
    // The resolver keeps answers itself, and asks again when they fail or age.
    Security.setProperty("networkaddress.cache.ttl", "0");
    Security.setProperty("networkaddress.cache.negative.ttl", "0");
    String wrong = wrongEnvironment(System.getenv());
    if (wrong != null) {
      err.println("sluice: " + wrong);
      return Commands.WRONG_USAGE;
    }
    Loaded loaded = load(file, err);
    if (loaded == null) {
      return Commands.BAD_CONFIGURATION;
    }
    String unmet = SourceChecks.missingRight(loaded.config());
    if (unmet != null) {
      err.println("sluice: " + unmet);
      return Commands.BAD_CONFIGURATION;
    }
    Daemon daemon;
    try {
      daemon = new Daemon(loaded.config());
      daemon.start();
    } catch (ConfigException bad) {
      bad.problems().forEach(err::println);
      return Commands.BAD_CONFIGURATION;
    } catch (IOException failure) {
      String.valueOf(failure.getMessage()).lines().forEach(line -> err.println("sluice: " + line));
      return failure instanceof UnmetRequirementException
          ? Commands.BAD_CONFIGURATION
          : Commands.FAILED;
    }
    for (String name : new String[] {"TERM", "INT", "HUP"}) {
      Signals.handle(name, this::received);
    }
    HostPort admin = daemon.adminAddress();
    err.println("ready" + (admin == null ? "" : " http://" + admin));
    err.flush();
    Systemd.tell("READY=1");
    serve(daemon);
    Systemd.tell("STOPPING=1");
    daemon.stop();
    return Commands.DONE;
  }

  /**
   * Reads the file; prints what is wrong or doubtful.
   *
   * @return null if it can't be used
   */
  static @Nullable Loaded load(Path file, PrintWriter err) {
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

  private void received(String signal) {
    if (stopping && !signal.equals("HUP")) {
      Runtime.getRuntime().halt(Commands.FAILED);
    }
    stopping |= !signal.equals("HUP");
    signals.add(signal);
  }

  private void serve(Daemon daemon) throws InterruptedException {
    while (signals.take().equals("HUP")) {
      Systemd.tell("RELOADING=1");
      try {
        Loaded loaded = ConfigReader.load(file);
        loaded.warnings().forEach(daemon::warn);
        String unmet = SourceChecks.missingRight(loaded.config());
        if (unmet == null) {
          daemon.reload(loaded.config());
        } else {
          daemon.reloadRefused(unmet);
        }
      } catch (ConfigException bad) {
        daemon.reloadRefused(bad.getMessage());
      } catch (RuntimeException | Error failure) {
        daemon.reloadRefused(failure.toString()); // thrown on, it would end all sessions
      }
      Systemd.tell("READY=1");
    }
  }
}
