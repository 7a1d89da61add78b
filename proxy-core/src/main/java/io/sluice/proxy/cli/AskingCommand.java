package io.sluice.proxy.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** A command that asks a running daemon, and shows the answer: as it came, or to people. */
abstract class AskingCommand implements Callable<Integer> {
  @Mixin SocketOption socket = new SocketOption();
  @Mixin Commands.OutputOption output = new Commands.OutputOption();
  @Spec CommandSpec spec = CommandSpec.create();

  final PrintWriter out() {
    return spec.commandLine().getOut();
  }

  /** Asks, and shows the answer. */
  final int get(
      String path,
      Map<String, @Nullable String> parameters,
      BiConsumer<Fields, PrintWriter> toPeople)
      throws IOException {
    return show(socket.client().get(AdminClient.withParameters(path, parameters)), toPeople);
  }

  final int show(AdminClient.Reply reply, BiConsumer<Fields, PrintWriter> toPeople)
      throws IOException {
    return output.show(reply, out(), toPeople);
  }
}
