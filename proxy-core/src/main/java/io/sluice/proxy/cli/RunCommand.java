package io.sluice.proxy.cli;

import io.sluice.proxy.control.Foreground;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice run}, as the command line knows it. */
@Command(
    name = "run",
    description = "Runs the daemon in the foreground.",
    footer = {
      "",
      "When it serves it prints one line on standard error, `ready` and the admin",
      "address, and tells systemd if NOTIFY_SOCKET is set. SIGHUP reads the file again;",
      "SIGTERM and SIGINT stop it: nothing new is taken, and sessions may end within",
      "limits.drain; a second one ends it at once.",
      "",
      "Environment: SLUICE_LOG=json, SLUICE_LOG_LEVEL=DEBUG, SLUICE_ACCESS_LOG=OFF.",
      "",
      "Exit code 0 after a signal, 1 if it can't serve, 78 if the configuration is bad,",
      "or asks for what this machine or user doesn't have."
    })
final class RunCommand implements Callable<Integer> {
  @Mixin private Commands.FileOption file = new Commands.FileOption();

  @Option(
      names = "--takeover",
      paramLabel = "SOCKET",
      arity = "0..1",
      fallbackValue = "",
      description = {
        "Takes over from the daemon that runs: its sockets, connections and flows.",
        "Default: the takeover socket of the daemon that has the file."
      })
  private @Nullable Path takeover;

  @Override
  public Integer call() throws InterruptedException {
    return new Foreground(file.file, takeover).run();
  }
}
