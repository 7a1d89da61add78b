package io.sluice.proxy.cli;

import io.sluice.proxy.control.ExitCode;
import io.sluice.proxy.translate.HaproxyFile;
import io.sluice.proxy.translate.NginxFile;
import io.sluice.proxy.translate.Translation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code sluice import}. */
@Command(
    name = "import",
    description = "Prints the configuration that does the same as another proxy's.",
    footer = {
      "",
      "What has no counterpart is said on standard error, line by line, and stands in the comment",
      "at the top. Check the result before you use it: sluice import haproxy FILE | sluice check -f -",
      "Of tubular, bindings are taken as they are: bindings: {file: bindings.json}."
    })
final class ImportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Parameters(index = "0", paramLabel = "PROXY", description = "haproxy or nginx-stream.")
  private String proxy = "";

  @Parameters(index = "1", paramLabel = "FILE", description = "Its configuration.")
  private Path file = Path.of("");

  @Mixin HelpOption help = new HelpOption();

  @Override
  public Integer call() throws IOException {
    CommandLine line = spec.commandLine();
    String text;
    try {
      text = Files.readString(file);
    } catch (NoSuchFileException _) {
      throw new IOException(file + ": no such file");
    }
    try {
      Translation made =
          switch (proxy) {
            case "haproxy" -> HaproxyFile.read(text);
            case "nginx-stream" -> NginxFile.read(text);
            default ->
                throw new CommandLine.ParameterException(
                    line, "\"" + proxy + "\" can't be read; write haproxy or nginx-stream");
          };
      line.getOut().print(made.yaml(String.valueOf(file.getFileName())));
      line.getOut().flush();
      made.notes().forEach(it -> line.getErr().println(file + ": left out: " + it));
      return ExitCode.DONE;
    } catch (IllegalArgumentException wrong) {
      throw new IOException(file + ": " + wrong.getMessage(), wrong);
    }
  }
}
