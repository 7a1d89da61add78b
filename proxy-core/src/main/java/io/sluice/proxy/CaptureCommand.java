package io.sluice.proxy;

import io.sluice.config.Loaded;
import io.sluice.proxy.capture.CaptureRules;
import io.sluice.proxy.capture.InstalledRules;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code sluice capture}: what the captures of a file need outside of Sluice. */
@Command(
    name = "capture",
    description = "Prints, installs or removes the nftables rules that captures need.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      CaptureCommand.Rules.class,
      CaptureCommand.Install.class,
      CaptureCommand.Remove.class
    })
final class CaptureCommand {
  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help.")
  boolean help;

  private CaptureCommand() {}

  /** The rules of a file's captures; null, after its problems, if it is bad. */
  private static @Nullable CaptureRules rules(Commands.FileOption file, CommandSpec spec) {
    Loaded loaded = Commands.load(file.file, spec.commandLine().getErr());
    return loaded == null ? null : CaptureRules.of(loaded.config().captures());
  }

  private static int answer(CommandSpec spec, @Nullable String wrong) {
    if (wrong == null) {
      return Commands.DONE;
    }
    spec.commandLine().getErr().println("sluice: " + wrong);
    return Commands.FAILED;
  }

  @Command(
      name = "rules",
      description = "Prints a shell script with the rules of the methods tproxy and redirect.",
      footer = {"", "  sluice capture rules -f sluice.yaml | sudo sh"})
  static final class Rules implements Callable<Integer> {
    @Mixin private Commands.FileOption file = new Commands.FileOption();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
      CaptureRules rules = rules(file, spec);
      if (rules == null) {
        return Commands.BAD_CONFIGURATION;
      }
      PrintWriter out = spec.commandLine().getOut();
      out.print(rules.toShell());
      out.flush();
      return Commands.DONE;
    }
  }

  @Command(
      name = "install",
      description = "Installs these rules, in the place of those that may be there.")
  static final class Install implements Callable<Integer> {
    @Mixin private Commands.FileOption file = new Commands.FileOption();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
      CaptureRules rules = rules(file, spec);
      if (rules == null) {
        return Commands.BAD_CONFIGURATION;
      }
      return rules.isEmpty() ? Commands.DONE : answer(spec, InstalledRules.install(rules));
    }
  }

  @Command(
      name = "remove",
      description = "Removes Sluice's own rules from this machine, whoever installed them.")
  static final class Remove implements Callable<Integer> {
    @Spec private CommandSpec spec = CommandSpec.create();

    @Option(
        names = {"-h", "--help"},
        usageHelp = true,
        description = "Show this help.")
    boolean help;

    @Override
    public Integer call() {
      return answer(spec, InstalledRules.removeAll());
    }
  }
}
