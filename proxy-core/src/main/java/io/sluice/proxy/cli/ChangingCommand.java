package io.sluice.proxy.cli;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;

/** A command that changes a running daemon: it waits until the change is in force, and says so. */
abstract class ChangingCommand implements Callable<Integer> {
  private static final byte[] NOTHING = {};

  @Mixin private SocketOption socket = new SocketOption();
  @Mixin private ChangeOption change = new ChangeOption();

  final int post(String path, Map<String, @Nullable String> parameters) throws IOException {
    return send("POST", path, parameters, NOTHING);
  }

  final int delete(String path, Map<String, @Nullable String> parameters) throws IOException {
    return send("DELETE", path, parameters, NOTHING);
  }

  final int put(String path, Map<String, @Nullable String> parameters, byte[] body)
      throws IOException {
    return send("PUT", path, parameters, body);
  }

  private int send(
      String method, String path, Map<String, @Nullable String> parameters, byte[] body)
      throws IOException {
    return change.send(socket.client(), method, path, parameters, body);
  }
}
