package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code sluice capture doctor}, in a network namespace of its own. */
class DoctorIT {
  private static final String YAML =
      """
      version: 1
      capture:
        - {name: edge, addresses: [192.0.2.0/24, "2001:db8:1::/64"], ports: any, method: sk_lookup}
        - {name: web, protocols: tcp, addresses: 127.0.9.0/24, ports: 8099, method: bind}
        - {name: outside, addresses: 203.0.113.0/24, ports: 80, method: tproxy}
      bindings:
        - {label: web, protocol: tcp, prefix: 192.0.2.0/24, port: any}
      destinations:
        - {label: web, protocol: tcp, targets: "127.0.0.1:8081", source: transparent}
      admin: {http: none}
      """;

  private static final String DISABLED =
      "method sk_lookup needs net.ipv6.conf.lo.disable_ipv6=0 for its sockets on ::1";
  private static final String MARK =
      "method tproxy needs net.ipv4.conf.all.src_valid_mark=0, or by its mark all clients look like"
          + " this machine";
  private static final String STRICT =
      "clients may come in by another interface than leads back to them (no strict rp_filter)";

  @TempDir Path directory;

  /** Sets whatever keeps packets from captures. */
  private static void hinder(Netns netns) throws Exception {
    netns.run("ip", "link", "add", "d0", "type", "veth", "peer", "name", "d.1");
    set(netns, "ipv6/conf/lo/disable_ipv6", 1);
    set(netns, "ipv4/conf/all/src_valid_mark", 1);
    set(netns, "ipv4/conf/d.1/rp_filter", 1);
  }

  private static void set(Netns netns, String setting, int value) throws Exception {
    netns.run("sh", "-c", "echo " + value + " > /proc/sys/net/" + setting);
  }

  @Test
  void whatItSaysMendsWhatIsMissing() throws Exception {
    assumeTrue(Netns.has("nft"), "needs nftables");
    try (Netns netns = Netns.make()) {
      hinder(netns);
      Path file = Files.writeString(directory.resolve("sluice.yaml"), YAML);
      List<String> before = doctor(netns.prefix(), file, 1);
      assertThat(before)
          .contains(
              "missing  edge: what is sent to 192.0.2.0/24 is delivered to this machine",
              "missing  edge: what is sent to 2001:db8:1::/64 is delivered to this machine",
              "missing  outside: its rules are in the nftables table inet sluice",
              "missing  source: what servers answer to clients is delivered to this process",
              "missing  edge: " + DISABLED,
              "missing  outside: " + MARK,
              "         sysctl -w net.ipv4.conf.all.src_valid_mark=0",
              "missing  source: transparent" + MARK.substring("method tproxy".length()),
              "warning  edge: " + STRICT,
              "warning  outside: " + STRICT,
              "         sysctl -w net.ipv4.conf.all.rp_filter=2",
              "ok       edge: method sk_lookup needs CAP_BPF",
              "ok       web: 1 of 1 ports can be bound")
          .doesNotContain("warning  web: " + STRICT); // loopback only
      for (String line : before) {
        if (line.startsWith("         sluice ")) {
          List<String> words = List.of(line.strip().split(" ", -1));
          String[] arguments = words.subList(1, words.size()).toArray(String[]::new);
          netns.run(SluiceProcess.sluice(List.of(), arguments).toArray(String[]::new));
        } else if (line.startsWith("         ")) {
          netns.run("sh", "-c", line.strip());
        }
      }
      assertThat(doctor(netns.prefix(), file, 0)).allMatch(line -> line.startsWith("ok "));
    }
  }

  @Test
  void aPortThatSomebodyHasIsNamedWithItsHolder() throws Exception {
    try (Netns netns = Netns.make()) {
      Path file =
          Files.writeString(
              directory.resolve("sluice.yaml"),
              """
              version: 1
              capture:
                - {name: web, protocols: tcp, addresses: 127.0.9.0/24, ports: "8098-8099"}
              admin: {http: none}
              """);
      try (SluiceProcess holder =
          SluiceProcess.start(
              directory, SluiceProcess.sluice(netns.prefix(), "run", "-f", file.toString()))) {
        holder.awaitLine("ready");
        assertThat(doctor(netns.prefix(), file, 1))
            .anyMatch(line -> line.startsWith("missing  web: tcp 0.0.0.0:8098 can be bound"))
            .anyMatch(line -> line.contains("stop java (pid "))
            .contains("missing  web: 0 of 2 ports can be bound");
      }
    }
  }

  @Test
  void aSettingThatTheMethodCantLiveWithIsRefusedAndAnotherWarnedOf() throws Exception {
    assumeTrue(Netns.has("nft"), "needs nftables");
    try (Netns netns = Netns.make()) {
      hinder(netns);
      set(netns, "ipv6/conf/lo/disable_ipv6", 0);
      Path file =
          Files.writeString(
              directory.resolve("sluice.yaml"),
              """
              version: 1
              capture:
                - {name: edge, addresses: 192.0.2.0/24, ports: 80, method: tproxy, install: true}
              admin: {http: none}
              """);
      assertThat(doctor(netns.prefix(), file, 1))
          .contains("missing  edge: " + MARK, "warning  edge: " + STRICT);
      try (SluiceProcess run =
          SluiceProcess.start(directory, sluice(netns.prefix(), "run", file))) {
        assertThat(run.awaitExit()).isEqualTo(78);
        assertThat(run.output().lines())
            .contains(
                "sluice: capture edge: "
                    + MARK
                    + ", which is missing; sysctl -w net.ipv4.conf.all.src_valid_mark=0");
      }
      set(netns, "ipv4/conf/all/src_valid_mark", 0);
      set(netns, "ipv4/conf/d.1/src_valid_mark", 1); // of one interface: others may do
      String rules =
          "edge: its rules are in the nftables table inet sluice, where the daemon installs them";
      assertThat(doctor(netns.prefix(), file, 0)).contains("warning  " + rules);
      assertThat(doctor(netns.prefix(), file, 0))
          .anyMatch(it -> it.startsWith("warning  edge: method tproxy needs src_valid_mark=0"))
          .contains("         sysctl -w net.ipv4.conf.d/1.src_valid_mark=0");
      try (SluiceProcess run =
          SluiceProcess.start(directory, sluice(netns.prefix(), "run", file))) {
        run.awaitLine("ready");
        assertThat(doctor(netns.prefix(), file, 0)).contains("ok       " + rules);
        assertThat(run.output())
            .contains(
                "capture edge: "
                    + STRICT
                    + ", which is not so; sysctl -w net.ipv4.conf.all.rp_filter=2");
      }
    }
  }

  @Test
  void aUserWithoutRightsIsToldByTheDoctorAndByRunInTheSameWords() throws Exception {
    assumeTrue(Netns.has("setpriv"), "needs setpriv");
    try (Netns netns = Netns.make()) {
      List<String> nobody = new ArrayList<>(netns.prefix());
      nobody.addAll(
          List.of(
              "setpriv",
              "--reuid=65534",
              "--regid=65534",
              "--clear-groups",
              "--inh-caps=-all",
              "--bounding-set=-all"));
      Path file =
          Files.writeString(
              directory.resolve("sluice.yaml"),
              """
              version: 1
              capture:
                - {name: edge, addresses: 192.0.2.0/24, ports: any, method: sk_lookup}
              admin: {http: none}
              """);
      for (Path path = directory; path.startsWith("/tmp"); path = path.getParent()) {
        if (path.getNameCount() > 1) {
          path.toFile().setExecutable(true, false);
          path.toFile().setReadable(true, false);
        }
      }
      String copied = ClassPathCopy.path(ClassPathCopy.into(directory));
      nobody.addAll(List.of("env", "CLASSPATH=" + copied)); // others can't read ours
      List<String> told = doctor(nobody, file, 1);
      SluiceProcess run = SluiceProcess.start(directory, sluice(nobody, "run", file));
      try (run) {
        assertThat(run.awaitExit()).isEqualTo(78);
      }
      List<String> refused =
          run.output().lines().filter(line -> line.startsWith("sluice: capture edge: ")).toList();
      assertThat(refused).hasSize(3);
      for (String line : refused) {
        String[] parts =
            line.substring("sluice: capture edge: ".length()).split(", which is missing; ", 2);
        assertThat(told).contains("missing  edge: " + parts[0], "         " + parts[1]);
      }
    }
  }

  private List<String> doctor(List<String> prefix, Path file, int exitCode) throws Exception {
    SluiceProcess doctor = SluiceProcess.start(directory, sluice(prefix, "capture doctor", file));
    try (doctor) {
      assertThat(doctor.awaitExit()).as(doctor.output()).isEqualTo(exitCode);
      return doctor.output().lines().toList();
    }
  }

  /** A command; with the class path of the environment, if the prefix sets one. */
  private static List<String> sluice(List<String> prefix, String command, Path file) {
    List<String> words = new ArrayList<>(List.of(command.split(" ", -1)));
    words.addAll(List.of("-f", file.toString()));
    List<String> all = SluiceProcess.sluice(prefix, words.toArray(String[]::new));
    if (prefix.getLast().startsWith("CLASSPATH=")) {
      int at = all.indexOf("-cp");
      all.set(at + 1, prefix.getLast().substring("CLASSPATH=".length()));
    }
    return all;
  }
}
