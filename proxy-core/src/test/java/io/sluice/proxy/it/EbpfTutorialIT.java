package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The tutorial of docs/ebpf.md, step by step, as it stands there. */
final class EbpfTutorialIT {
  private static final Pattern BLOCK =
      Pattern.compile("^```\n(.*?)^```$", Pattern.DOTALL | Pattern.MULTILINE);

  @TempDir private Path directory = Path.of(".");

  private String run(List<String> command) throws Exception {
    try (SluiceProcess process = SluiceProcess.start(directory, command)) {
      assertThat(process.awaitExit()).as("%s: %s", command, process.output()).isZero();
      return process.output();
    }
  }

  @Test
  void eachStepWorksAsItIsWritten() throws Exception {
    assumeTrue(Netns.has("clang"), "needs clang");
    List<String> blocks =
        BLOCK
            .matcher(Files.readString(Path.of("../docs/ebpf.md")))
            .results()
            .map(it -> String.valueOf(it.group(1)))
            .toList();
    Files.writeString(directory.resolve("ports.bpf.c"), blocks.get(0));
    List<String> outputs = new ArrayList<>();
    for (String line : blocks.get(1).lines().toList()) {
      if (line.startsWith("sluice ")) {
        List<String> words = new ArrayList<>();
        Pattern.compile("\"([^\"]*)\"|(\\S+)")
            .matcher(line)
            .results()
            .skip(1)
            .forEach(it -> words.add(it.group(1) != null ? it.group(1) : it.group(2)));
        outputs.add(run(SluiceProcess.sluice(List.of(), words.toArray(String[]::new))));
      } else {
        outputs.add(run(List.of(line.split(" ", -1))));
      }
    }
    assertThat(outputs.get(1)).contains("map        ports: HASH").endsWith("ok\n");
    assertThat(outputs.get(2))
        .contains("lookup ports[90 1f 00 00]")
        .contains("returned                                 pass");
    assertThat(outputs.get(3)).contains("steer:").contains("r1 = map[ports]");

    Path file =
        Files.writeString(
            directory.resolve("sluice.yaml"),
            "version: 1\n"
                + blocks.get(2)
                + "destinations:\n  - {label: web, protocol: tcp, targets: [\"127.0.0.1:1\"]}\n"
                + "capture:\n  - {name: edge, protocols: tcp, addresses: 127.0.0.1, ports: 8080}\n");
    List<String> explain =
        SluiceProcess.sluice(
            List.of(),
            "explain",
            "-f",
            file.toString(),
            "tcp",
            "203.0.113.9:51234",
            "127.0.0.1:8080");
    assertThat(run(explain)).contains("lookup ports[90 1f 00 00]").contains("ASSIGN web");
  }
}
