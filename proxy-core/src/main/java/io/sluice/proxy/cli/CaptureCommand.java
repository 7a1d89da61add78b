package io.sluice.proxy.cli;

import io.sluice.config.Config;
import io.sluice.config.Loaded;
import io.sluice.proxy.admin.Json;
import io.sluice.proxy.capture.CaptureRules;
import io.sluice.proxy.capture.ExternalCommand;
import io.sluice.proxy.capture.InstalledRules;
import io.sluice.proxy.capture.Requirement;
import io.sluice.proxy.control.ExitCode;
import io.sluice.proxy.control.Foreground;
import io.sluice.proxy.doctor.Diagnosis;
import io.sluice.proxy.doctor.SourceChecks;
import io.sluice.proxy.doctor.TransparentRouting;
import io.sluice.steering.Family;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code sluice capture}: what the captures of a file need outside of Sluice. */
@Command(
    name = "capture",
    description =
        "Says what captures need of this machine; prints, installs or removes their rules.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      CaptureCommand.Doctor.class,
      CaptureCommand.Rules.class,
      CaptureCommand.Install.class,
      CaptureCommand.Remove.class,
      DocumentChanges.Add.class,
      DocumentChanges.DeleteCapture.class
    })
final class CaptureCommand {
  @Mixin HelpOption help = new HelpOption();

  private CaptureCommand() {}

  /** Does something with the rules of a file's captures. */
  abstract static class OfRules implements Callable<Integer> {
    @Mixin private Commands.FileOption file = new Commands.FileOption();
    @Spec CommandSpec spec = CommandSpec.create();

    @Override
    public final Integer call() {
      Loaded loaded = Foreground.load(file.file, spec.commandLine().getErr());
      return loaded == null
          ? ExitCode.BAD_CONFIGURATION
          : call(CaptureRules.of(loaded.config().captures()));
    }

    abstract int call(CaptureRules rules);
  }

  private static int answer(CommandSpec spec, @Nullable String wrong) {
    if (wrong == null) {
      return ExitCode.DONE;
    }
    spec.commandLine().getErr().println("sluice: " + wrong);
    return ExitCode.FAILED;
  }

  @Command(
      name = "doctor",
      description = {
        "Says what each capture, and each transparent source, needs of this machine and user, what"
            + " is missing, and the command that mends it.",
        "Exit code 1 if anything is missing."
      })
  static final class Doctor implements Callable<Integer> {
    @Mixin private Commands.FileOption file = new Commands.FileOption();
    @Mixin private Commands.OutputOption output = new Commands.OutputOption();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
      Loaded loaded = Foreground.load(file.file, spec.commandLine().getErr());
      if (loaded == null) {
        return ExitCode.BAD_CONFIGURATION;
      }
      List<Requirement> needs = new ArrayList<>();
      needs.addAll(Diagnosis.of(loaded.config().captures(), file.file.toString()));
      needs.addAll(sources(loaded.config()));
      PrintWriter out = spec.commandLine().getOut();
      if (output.isJson()) {
        out.println(Json.of(needs.stream().map(Doctor::json).toList()));
      } else {
        needs.forEach(need -> print(need, out));
      }
      out.flush();
      return needs.stream().allMatch(Requirement::permitsStart) ? ExitCode.DONE : ExitCode.FAILED;
    }

    private static void print(Requirement need, PrintWriter out) {
      String state = need.isMet() ? "ok" : need.isAdvice() ? "warning" : "missing";
      out.printf("%-8s %s: %s%n", state, need.capture(), need.what());
      if (!need.isMet()) {
        need.mend().lines().forEach(line -> out.println("         " + line));
      }
    }

    private static Map<String, Object> json(Requirement need) {
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("capture", need.capture());
      json.put("what", need.what());
      json.put("met", need.isMet());
      json.put("advice", need.isAdvice());
      json.put("mend", need.mend());
      return json;
    }

    /** What destinations need that send from others' or from own addresses. */
    private static List<Requirement> sources(Config config) {
      List<Requirement> needs = new ArrayList<>();
      TransparentRouting routing = TransparentRouting.of(config);
      if (routing.isNeeded()) {
        needs.add(
            new Requirement(
                "source",
                "transparent needs CAP_NET_ADMIN",
                SourceChecks.missingRight(config) == null,
                "run it as root, or give it AmbientCapabilities=CAP_NET_ADMIN (systemd)"));
        needs.add(
            new Requirement(
                "source",
                "what servers answer to clients is delivered to this process",
                routing.isSetUp(command -> ExternalCommand.run(command, "").said()),
                String.join("\n", routing.commands())));
        if (routing.families().contains(Family.IPV4)) {
          needs.add(Diagnosis.mark("source", "transparent"));
        }
      }
      for (String missing : SourceChecks.missingAddresses(config)) {
        needs.add(new Requirement("source", missing, false, "ip address add it to an interface"));
      }
      return needs;
    }
  }

  @Command(
      name = "rules",
      description = "Prints a shell script with the rules of the methods tproxy and redirect.",
      footer = {"", "  sluice capture rules -f sluice.yaml | sudo sh"})
  static final class Rules extends OfRules {
    @Override
    int call(CaptureRules rules) {
      PrintWriter out = spec.commandLine().getOut();
      out.print(rules.toShell());
      out.flush();
      return ExitCode.DONE;
    }
  }

  @Command(
      name = "install",
      description = "Installs these rules, in the place of those that may be there.")
  static final class Install extends OfRules {
    @Override
    int call(CaptureRules rules) {
      return rules.isEmpty() ? ExitCode.DONE : answer(spec, InstalledRules.install(rules));
    }
  }

  @Command(
      name = "remove",
      description = "Removes Sluice's own rules from this machine, whoever installed them.")
  static final class Remove implements Callable<Integer> {
    @Spec private CommandSpec spec = CommandSpec.create();
    @Mixin HelpOption help = new HelpOption();

    @Override
    public Integer call() {
      return answer(spec, InstalledRules.removeAll());
    }
  }
}
