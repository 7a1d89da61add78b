package io.sluice.proxy.cli;

import io.sluice.config.ConfigException;
import io.sluice.config.ConfigReader;
import io.sluice.config.Expectation;
import io.sluice.config.Loaded;
import io.sluice.config.Outcome;
import io.sluice.config.Problem;
import io.sluice.proxy.admin.Explanation;
import io.sluice.proxy.admin.Json;
import io.sluice.proxy.control.ExitCode;
import io.sluice.proxy.control.Foreground;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.name.Resolver;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * {@code sluice} and its commands. Exit codes: 0 done; 1 the answer is no, or it failed; 2 wrong
 * usage; 78 the daemon's configuration is bad (EX_CONFIG).
 */
@Command(
    name = "sluice",
    description = "Steers TCP and UDP traffic by program: whole prefixes, port ranges, any target.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      RunCommand.class,
      Commands.Check.class,
      Commands.Test.class,
      ExplainCommand.class,
      StatusCommand.class,
      BindingsCommand.class,
      DropsCommand.class,
      TopCommand.class,
      SessionCommands.List.class,
      SessionCommands.Kill.class,
      BindingChanges.Bind.class,
      BindingChanges.Unbind.class,
      BindingChanges.Load.class,
      TargetChanges.Register.class,
      TargetChanges.RegisterPid.class,
      TargetChanges.Unregister.class,
      TargetChanges.Set.class,
      TargetChanges.Swap.class,
      DocumentChanges.Destinations.class,
      DocumentChanges.Listeners.class,
      DocumentChanges.Programs.class,
      DocumentChanges.Apply.class,
      DocumentChanges.Reload.class,
      DocumentChanges.Rollback.class,
      HistoryCommands.Config.class,
      HistoryCommands.History.class,
      HistoryCommands.Diff.class,
      CaptureCommand.class,
      ImportCommand.class,
      DemoCommand.class,
      Commands.Version.class,
      CommandLine.HelpCommand.class
    },
    footer = {
      "",
      "Exit codes: 0 done; 1 the answer is no, or it failed; 2 wrong usage;",
      "78 the daemon's configuration is bad.",
      "",
      "Try: sluice demo"
    })
public final class Commands {
  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this, or with a command its own help.")
  boolean help;

  @Option(
      names = {"-V", "--version"},
      versionHelp = true,
      description = "Print the version.")
  boolean version;

  private Commands() {}

  /** All commands. */
  static CommandLine line() {
    return new CommandLine(new Commands());
  }

  /** Runs a command line; the answer is the exit code. */
  public static int run(String... arguments) {
    CommandLine line = line();
    line.setExecutionExceptionHandler((failure, command, _) -> {
      if (failure instanceof AdminClient.RefusedByDaemonException refused) {
        refused.problems().forEach(command.getErr()::println);
      }
      String message = failure.getMessage();
      command.getErr().println("sluice: " + (message == null ? failure : message));
      return ExitCode.FAILED;
    });
    line.setParameterExceptionHandler((wrong, _) -> wrongUsage(wrong));
    line.setUsageHelpAutoWidth(true);
    line.getCommandSpec().version("sluice " + io.sluice.proxy.observe.Version.current());
    if (arguments.length == 0) {
      line.usage(line.getErr());
      return ExitCode.WRONG_USAGE;
    }
    return line.execute(arguments);
  }

  /** One line, with where to read on; the whole help would push it out of sight. */
  private static int wrongUsage(CommandLine.ParameterException wrong) {
    CommandLine command = wrong.getCommandLine();
    List<String> near =
        wrong instanceof CommandLine.UnmatchedArgumentException unmatched
            ? unmatched.getSuggestions()
            : List.of();
    command
        .getErr()
        .printf(
            "sluice: %s; %s %s --help%n",
            wrong.getMessage(),
            near.isEmpty() ? "see" : "did you mean " + String.join(" or ", near) + "? See",
            command.getCommandSpec().qualifiedName());
    return ExitCode.WRONG_USAGE;
  }

  /** {@code 1 binding}, {@code 2 bindings}. */
  static String count(long number, String word) {
    return number + " " + word + (number == 1 ? "" : "s");
  }

  /** {@code -f FILE}. */
  static final class FileOption {
    @Option(
        names = {"-f", "--file"},
        paramLabel = "FILE",
        defaultValue = Foreground.DEFAULT_FILE,
        converter = OrInput.class,
        description = "The configuration, - for standard input; default: ${DEFAULT-VALUE}.")
    Path file = Path.of(Foreground.DEFAULT_FILE);

    @Mixin HelpOption help = new HelpOption();

    /** {@code -} is standard input, as with other programs. */
    static final class OrInput implements CommandLine.ITypeConverter<Path> {
      @Override
      public Path convert(String value) {
        return Path.of(value.equals("-") ? "/dev/stdin" : value);
      }
    }
  }

  /** {@code -o text|json}. */
  static final class OutputOption {
    /** The forms of output. */
    enum Form {
      text,
      json
    }

    @Option(
        names = {"-o", "--output"},
        paramLabel = "FORM",
        defaultValue = "text",
        description = "text or json; default: ${DEFAULT-VALUE}.")
    Form form = Form.text;

    boolean isJson() {
      return form == Form.json;
    }

    /** Shows a daemon's answer: as it came, or to people. */
    int show(AdminClient.Reply reply, PrintWriter out, BiConsumer<Fields, PrintWriter> toPeople)
        throws IOException {
      if (isJson()) {
        out.print(reply.body());
      } else {
        toPeople.accept(new Fields(reply.json()), out);
      }
      out.flush();
      return ExitCode.DONE;
    }
  }

  /**
   * Reads the file and makes what the daemon would steer by; prints what is wrong or doubtful.
   *
   * @return null if it can't be used
   */
  static @Nullable Snapshot snapshot(Path file, PrintWriter err) {
    Loaded loaded = Foreground.load(file, err);
    try {
      return loaded == null ? null : Snapshot.of(loaded.config(), null, Resolver.offline());
    } catch (ConfigException bad) {
      bad.problems().forEach(err::println);
      return null;
    }
  }

  @Command(
      name = "check",
      description = "Reads a configuration and says all that is wrong with it.",
      footer = "Exit code 0 if it can be used, else 1.")
  static final class Check implements Callable<Integer> {
    @Mixin private FileOption file = new FileOption();
    @Mixin private OutputOption output = new OutputOption();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
      Snapshot snapshot = null;
      List<Problem> problems = new ArrayList<>();
      try {
        Loaded loaded = ConfigReader.load(file.file);
        problems.addAll(loaded.warnings());
        snapshot = Snapshot.of(loaded.config(), null, Resolver.offline());
      } catch (ConfigException bad) {
        problems.addAll(bad.problems());
      }
      PrintWriter out = spec.commandLine().getOut();
      if (output.isJson()) {
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("valid", snapshot != null);
        answer.put("problems", problems.stream().map(Check::json).toList());
        out.println(Json.of(answer));
      } else {
        problems.forEach(snapshot == null ? spec.commandLine().getErr()::println : out::println);
        if (snapshot != null) {
          var config = snapshot.config();
          out.printf(
              "%s: ok: %s, %s, %s, %s%n",
              file.file,
              count(config.captures().size(), "capture"),
              count(config.bindings().size(), "binding"),
              count(config.programs().size(), "program"),
              count(config.destinations().size(), "destination"));
        }
      }
      return snapshot == null ? ExitCode.FAILED : ExitCode.DONE;
    }

    private static Map<String, Object> json(Problem problem) {
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("file", problem.file());
      json.put("line", problem.line());
      json.put("column", problem.column());
      json.put("path", problem.path());
      json.put("severity", problem.severity().name().toLowerCase(java.util.Locale.ROOT));
      json.put("message", problem.message());
      return json;
    }
  }

  @Command(
      name = "test",
      description = "Checks what the configuration's own `expect` list says.",
      footer = "Exit code 0 if all is as expected, 1 if not, 78 if the configuration is bad.")
  static final class Test implements Callable<Integer> {
    @Mixin private FileOption file = new FileOption();
    @Mixin private OutputOption output = new OutputOption();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
      Snapshot snapshot = snapshot(file.file, spec.commandLine().getErr());
      if (snapshot == null) {
        return ExitCode.BAD_CONFIGURATION;
      }
      List<Expectation> expectations = snapshot.config().expectations();
      List<Object> failures = new ArrayList<>();
      PrintWriter out = spec.commandLine().getOut();
      for (Expectation expectation : expectations) {
        Explanation got = Explanation.of(expectation.lookup(), snapshot);
        String wanted = words(expectation.outcome());
        String actual = words(got);
        if (wanted.equals(actual)) {
          continue;
        }
        Map<String, Object> failure = new LinkedHashMap<>();
        failure.put("line", expectation.line());
        failure.put("lookup", expectation.lookup().toString());
        failure.put("expected", wanted);
        failure.put("got", actual);
        failures.add(failure);
        if (!output.isJson()) {
          out.printf(
              "%s:%d: %s: expected %s, got %s%n",
              file.file, expectation.line(), expectation.lookup(), wanted, actual);
          got.toText().lines().forEach(line -> out.println("    " + line));
        }
      }
      int passed = expectations.size() - failures.size();
      if (output.isJson()) {
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("passed", passed);
        answer.put("failed", failures.size());
        answer.put("failures", failures);
        out.println(Json.of(answer));
      } else {
        out.printf("%s, %d as expected%n", count(expectations.size(), "expected lookup"), passed);
      }
      return failures.isEmpty() ? ExitCode.DONE : ExitCode.FAILED;
    }

    private static String words(Outcome outcome) {
      return switch (outcome) {
        case Outcome.Assign assign -> "assign " + assign.label();
        case Outcome.Pass _ -> "pass";
        case Outcome.Drop _ -> "drop";
      };
    }

    private static String words(Explanation got) {
      return got.verdict().equals("assign") ? "assign " + got.label() : got.verdict();
    }
  }

  @Command(name = "version", description = "Prints the version.")
  static final class Version implements Callable<Integer> {
    @Mixin private OutputOption output = new OutputOption();
    @Spec private CommandSpec spec = CommandSpec.create();
    @Mixin HelpOption help = new HelpOption();

    @Override
    public Integer call() {
      String version = io.sluice.proxy.observe.Version.current();
      String java = Runtime.version().toString();
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("version", version);
      json.put("java", java);
      spec.commandLine()
          .getOut()
          .println(output.isJson() ? Json.of(json) : "sluice " + version + " (Java " + java + ")");
      return ExitCode.DONE;
    }
  }
}
