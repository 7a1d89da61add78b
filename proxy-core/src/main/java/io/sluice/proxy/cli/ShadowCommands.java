package io.sluice.proxy.cli;

import io.sluice.config.AdminSocketSpec;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code program shadow} and {@code program promote}: what another program would decide. */
final class ShadowCommands {
  private static final byte[] NOTHING = {};

  private ShadowCommands() {}

  @Command(
      name = "shadow",
      description = {
        "Runs a candidate beside a program, on the same lookups: it decides "
            + "nothing, but is compared.",
        "Without a file, shows what was found out."
      },
      footer = {
        "",
        "  sluice program shadow bindings -f candidate.yaml    rules: [...], without name",
        "  sluice program shadow                               how often it differs, with examples",
        "  sluice program promote bindings                     the candidate takes its place",
        "  sluice program shadow bindings --remove"
      })
  static final class Show implements Callable<Integer> {
    @Mixin private ChangeOption change = new ChangeOption();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Parameters(
        arity = "0..1",
        paramLabel = "PROGRAM",
        description = "Beside which one; without it, all are shown.")
    private @Nullable String name;

    @Option(
        names = {"-f", "--file"},
        paramLabel = "CANDIDATE",
        description = "An item of `programs`, without its name; - is standard input.")
    private @Nullable String file;

    @Option(names = "--remove", description = "Ends it.")
    private boolean isRemoved;

    @Option(
        names = "--socket",
        paramLabel = "PATH",
        description = "The daemon's admin socket; default: /run/sluice/admin.sock.")
    private Path socket = AdminSocketSpec.DEFAULT_PATH;

    @Mixin HelpOption help = new HelpOption();

    @Override
    public Integer call() throws IOException {
      AdminClient daemon = new AdminClient(socket);
      if (file == null && !isRemoved) {
        return change
            .output()
            .show(daemon.get("/shadows"), spec.commandLine().getOut(), this::print);
      }
      if (name == null) {
        throw new CommandLine.ParameterException(
            spec.commandLine(), "PROGRAM is missing: beside which one?");
      }
      Map<String, @Nullable String> parameters = AdminClient.parameters("name", name);
      if (file == null) {
        return change.send(daemon, "DELETE", "/shadows", parameters, NOTHING);
      }
      byte[] candidate =
          file.equals("-") ? System.in.readAllBytes() : BindingChanges.read(Path.of(file));
      return change.send(daemon, "PUT", "/shadows", parameters, candidate);
    }

    private void print(Fields answer, PrintWriter out) {
      boolean isAny = false;
      for (Fields it : answer.list("shadows")) {
        if (name != null && !it.text("program").equals(name)) {
          continue;
        }
        isAny = true;
        out.printf(
            Locale.ROOT,
            "beside %s: %d lookups decided the same, %d otherwise (%.2f %%)%s%n",
            it.text("program"),
            it.number("same"),
            it.number("different"),
            it.decimal("percentDifferent"),
            it.number("failed") == 0 ? "" : ", of which it failed " + it.number("failed"));
        Table table = new Table("PROTOCOL", "CLIENT", "LOCAL", "DECIDED", "WOULD");
        for (Fields example : it.list("examples")) {
          table.row(
              example.text("protocol"),
              example.text("client"),
              example.text("local"),
              example.text("decided"),
              example.text("would"));
        }
        if (table.size() > 0) {
          table.printTo(out);
        }
      }
      if (!isAny) {
        out.println(name == null ? "no shadow runs" : "no shadow runs beside " + name);
      }
    }
  }

  @Command(
      name = "promote",
      description = "Puts a shadow into the place of the program that it runs beside.")
  static final class Promote extends ChangingCommand {
    @Parameters(paramLabel = "PROGRAM", description = "Beside which it runs.")
    private String name = "";

    @Override
    public Integer call() throws IOException {
      return post("/shadows/promote", AdminClient.parameters("name", name));
    }
  }
}
