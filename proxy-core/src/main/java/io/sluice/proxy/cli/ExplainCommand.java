package io.sluice.proxy.cli;

import io.sluice.config.Lookup;
import io.sluice.proxy.admin.Explanation;
import io.sluice.proxy.admin.Json;
import io.sluice.proxy.control.ExitCode;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.steering.Payload;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code sluice explain}: of the running daemon, or of a file. */
@Command(
    name = "explain",
    description =
        "Says where a connection or datagram would go, and why: asks the running "
            + "daemon, or with -f a file, without a daemon.",
    footer = {
      "",
      "  sluice explain tcp 203.0.113.9:51234 127.0.1.7:8080",
      "  sluice explain -f sluice.yaml tcp 203.0.113.9:51234 127.0.1.7:8080",
      "  sluice explain -f sluice.yaml -o json - < lookups",
      "  sluice explain --payload 17000000 udp 203.0.113.9:5000 127.0.1.7:53",
      "  sluice explain --follow --from 203.0.113.0/24",
      "",
      "Exit code 0 if all were answered, 1 if a line was no lookup or no daemon answers,",
      "2 if the arguments are none, 78 if the configuration is bad."
    })
final class ExplainCommand extends AskingCommand {
  @Mixin private FollowLookups follow = new FollowLookups();

  @Parameters(
      arity = "0..3",
      paramLabel = "LOOKUP",
      description = {
        "tcp|udp SRC:PORT DST:PORT, IPv6 addresses in brackets;",
        "or - to read lookups from standard input, one a line."
      })
  private List<String> words = List.of();

  @Option(
      names = "--payload",
      paramLabel = "HEX",
      description = {
        "What the client sends first, two digits a byte: for programs and selections that look",
        "at it."
      })
  private @Nullable String payload;

  /** Who is asked; answers as it is printed. */
  private interface Asked {
    String explain(Lookup lookup) throws IOException;
  }

  @Override
  public Integer call() throws IOException {
    if (follow.isFollowing()) {
      if (!words.isEmpty()) {
        throw new CommandLine.ParameterException(
            spec.commandLine(), "--follow explains what comes; leave the lookup out");
      }
      follow.run(socket.client(), output.isJson(), out());
      return ExitCode.DONE;
    }
    if (words.isEmpty() || follow.hasFilter()) {
      throw new CommandLine.ParameterException(
          spec.commandLine(),
          words.isEmpty()
              ? "which lookup? write it like tcp 203.0.113.9:51234 127.0.1.7:8080, or --follow"
              : "--protocol, --from, --to and --label go with --follow");
    }
    boolean stream = words.equals(List.of("-"));
    Lookup single = stream ? null : parse(String.join(" ", words));
    Asked asked = asked(socket.file());
    if (asked == null) {
      return ExitCode.BAD_CONFIGURATION;
    }
    if (single != null) {
      print(asked.explain(single));
      return ExitCode.DONE;
    }
    return explainInput(asked);
  }

  private @Nullable Asked asked(@Nullable Path file) throws IOException {
    if (file == null) {
      AdminClient client = socket.client();
      String accept = output.isJson() ? "application/json" : "text/plain";
      Map<String, @Nullable String> parameters = new LinkedHashMap<>();
      parameters.put("payload", payload);
      String path = AdminClient.withParameters("/explain", parameters);
      return lookup -> {
        byte[] line = (lookup + "\n").getBytes(StandardCharsets.UTF_8);
        return client.ask("POST", path, accept, line).body();
      };
    }
    Payload sent = sent();
    Snapshot snapshot = Commands.snapshot(file, spec.commandLine().getErr());
    return snapshot == null
        ? null
        : lookup -> {
          Explanation explanation = Explanation.of(lookup, sent, snapshot);
          return output.isJson() ? explanation.toJson() + "\n" : explanation.toText();
        };
  }

  private @Nullable Payload sent() {
    try {
      return payload == null ? null : Payload.of(HexFormat.of().parseHex(payload));
    } catch (IllegalArgumentException wrong) {
      throw new CommandLine.ParameterException(
          spec.commandLine(),
          "--payload: \""
              + payload
              + "\" isn't hexadecimal, two digits a byte: "
              + wrong.getMessage());
    }
  }

  private Lookup parse(String text) {
    try {
      return Lookup.parse(text);
    } catch (IllegalArgumentException wrong) {
      throw new CommandLine.ParameterException(spec.commandLine(), wrong.getMessage());
    }
  }

  private int explainInput(Asked asked) throws IOException {
    PrintWriter err = spec.commandLine().getErr();
    int exitCode = ExitCode.DONE;
    int number = 0;
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      number++;
      if (line.isBlank() || line.startsWith("#")) {
        continue;
      }
      try {
        print(asked.explain(Lookup.parse(line)));
      } catch (IllegalArgumentException wrong) {
        err.println("standard input:" + number + ": " + wrong.getMessage());
        exitCode = ExitCode.FAILED;
        if (output.isJson()) {
          print(Json.of(Map.of("error", String.valueOf(wrong.getMessage()))) + "\n");
        }
      }
    }
    return exitCode;
  }

  private void print(String answer) {
    PrintWriter out = out();
    out.print(answer);
    out.flush();
  }
}
