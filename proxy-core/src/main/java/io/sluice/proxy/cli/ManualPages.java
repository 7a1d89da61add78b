package io.sluice.proxy.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * Writes a manual page for each command, {@code man1/sluice-NAME.1}, and Bash's completion, {@code
 * completion/sluice}: what {@code --help} says, in the forms that packages have. It has a main of
 * its own, as nobody needs it where Sluice runs.
 *
 * @see <a href="https://man7.org/linux/man-pages/man7/man.7.html">man(7)</a>
 */
final class ManualPages {
  private final StringBuilder page = new StringBuilder();

  private ManualPages() {}

  /** The argument: the directory to write to. */
  public static void main(String[] arguments) throws IOException {
    CommandLine line = Commands.line();
    Path directory = Path.of(arguments[0]);
    Path pages = Files.createDirectories(directory.resolve("man1"));
    write(line.getCommandSpec(), pages);
    Path completion = Files.createDirectories(directory.resolve("completion"));
    Files.writeString(completion.resolve("sluice"), AutoComplete.bash("sluice", line));
  }

  private static void write(CommandSpec command, Path directory) throws IOException {
    String name = name(command);
    Files.writeString(directory.resolve(name + ".1"), new ManualPages().of(command));
    for (CommandLine it : command.subcommands().values()) {
      if (!it.getCommandSpec().name().equals("help")) {
        write(it.getCommandSpec(), directory);
      }
    }
  }

  private static String name(CommandSpec command) {
    return command.qualifiedName("-");
  }

  private String of(CommandSpec command) {
    CommandLine.Help help = new CommandLine.Help(command, Ansi.OFF);
    String[] description = command.usageMessage().description();
    page.append(".TH ").append(roff(name(command)).toUpperCase(java.util.Locale.ROOT));
    page.append(" 1 \"\" \"sluice\" \"Sluice\"\n.SH NAME\n").append(roff(name(command)));
    page.append(" \\- ").append(roff(description.length == 0 ? "commands" : description[0]));
    page.append("\n.SH SYNOPSIS\n.nf\n").append(roff(help.synopsis(0).strip())).append("\n.fi\n");
    if (description.length > 0) {
      page.append(".SH DESCRIPTION\n").append(roff(String.join("\n", description))).append('\n');
    }
    arguments(command);
    commands(command);
    String[] footer = command.usageMessage().footer();
    if (footer.length > 0) {
      String text = String.join("\n", footer).strip();
      page.append(".SH NOTES\n.nf\n").append(roff(text)).append("\n.fi\n");
    }
    page.append(".SH SEE ALSO\n");
    CommandSpec parent = command.parent();
    page.append(parent == null ? "/usr/share/doc/sluice" : ".BR " + roff(name(parent)) + " (1)");
    return page.append('\n').toString();
  }

  private void arguments(CommandSpec command) {
    if (command.options().isEmpty() && command.positionalParameters().isEmpty()) {
      return;
    }
    page.append(".SH OPTIONS\n");
    for (ArgSpec it : command.positionalParameters()) {
      argument(it.paramLabel(), it);
    }
    for (OptionSpec it : command.options()) {
      if (!it.hidden()) {
        String value = it.arity().max() == 0 ? "" : " " + it.paramLabel();
        argument(String.join(", ", it.names()) + value, it);
      }
    }
  }

  private void argument(String names, ArgSpec argument) {
    page.append(".TP\n.B ").append(roff(names)).append('\n');
    page.append(roff(String.join("\n", argument.description()))).append('\n');
  }

  private void commands(CommandSpec command) {
    if (command.subcommands().isEmpty()) {
      return;
    }
    page.append(".SH COMMANDS\n");
    command
        .subcommands()
        .forEach((name, it) -> {
          String[] what = it.getCommandSpec().usageMessage().description();
          page.append(".TP\n.B ").append(roff(name)).append('\n');
          page.append(roff(what.length == 0 ? "" : what[0])).append('\n');
        });
  }

  /** Text as roff has it: a line may not begin with a dot or quote, and a hyphen is a minus. */
  private static String roff(String text) {
    return text.replace("\\", "\\e")
        .replace("-", "\\-")
        .replaceAll("(?m)^(?=[.'])", "\\\\&")
        .replace("%%", "%")
        .replace("%n", "\n");
  }
}
