package io.sluice.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/**
 * Which package of the daemon may use which other, and why. An edge that isn't listed fails, as
 * does a listed one that nothing needs any more. docs/architecture.md shows the same list.
 */
final class PackageEdgesTest {
  private static final String ROOT = "io.sluice.proxy";
  private static final String START = "(start)";
  private static final Path DOCUMENTATION = Path.of("../docs/architecture.md");

  /** A package, why others use it, and which do. */
  private record Use(String used, String reason, List<String> users) {}

  private static final List<Use> ALLOWED =
      List.of(
          use(
              "linux",
              "asks the kernel",
              "admin api arrival capture check connect control doctor flow handover header kernel loop offload relay target"),
          use(
              "observe",
              "counts, logs, and says why a session ended",
              "admin api check cli connect control flow handover health limit lookup loop offload relay target"),
          use("limit", "bounds what a client may have", "control flow lookup loop relay target"),
          use(
              "loop",
              "runs on an event loop, and has its timers, buffers and limits",
              "admin capture check connect control flow name relay target"),
          use(
              "arrival",
              "knows by which socket and way traffic came",
              "capture connect flow header kernel lookup relay"),
          use(
              "handover",
              "tells another daemon what there is, or hears it",
              "capture control flow relay"),
          use(
              "health",
              "reads and reports whether an address answers",
              "admin api check connect control flow name offload relay target"),
          use("name", "asks for the addresses of a name", "cli control lookup target"),
          use("header", "reads or writes the PROXY header", "flow lookup relay target"),
          use("program", "loads a class or an object that somebody names", "cli lookup target"),
          use(
              "target",
              "holds the target that was chosen",
              "admin api check cli connect control doctor flow lookup offload relay"),
          use("connect", "connects to the target", "check control doctor flow relay"),
          use(
              "lookup",
              "asks for a decision, or shows what would be decided",
              "admin api cli control flow offload relay"),
          use(
              "kernel",
              "has the kernel bring traffic to our sockets, or to targets",
              "capture offload"),
          use(
              "capture",
              "opens what the captures need, or shows it",
              "admin api cli control doctor"),
          use("doctor", "checks the machine first", "cli control"),
          use("offload", "has the kernel serve targets without us", "control"),
          use("check", "has targets asked whether they serve", "control"),
          use("relay", "makes a relay for each loop", "control"),
          use("flow", "makes a relay for each loop", "control"),
          use("admin", "explains and serves what is in force", "api cli control"),
          use("translate", "reads other proxies' configurations", "cli"),
          use("change", "asks for changes, or does them", "api control"),
          use("api", "is asked and changed over the admin socket", "control"),
          use("control", "runs the daemon", "(start) cli"),
          use("cli", "reads the command line", "(start)"));

  private static Use use(String used, String reason, String users) {
    return new Use(used, reason, Arrays.stream(users.split(" ")).sorted().toList());
  }

  private static Map<String, NavigableSet<String>> actualUsers() {
    JavaClasses classes =
        new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages(ROOT);
    Map<String, NavigableSet<String>> users = new TreeMap<>();
    classes.stream()
        .flatMap(it -> it.getDirectDependenciesFromSelf().stream())
        .forEach(it -> {
          String from = shortName(it.getOriginClass().getPackageName());
          String to = it.getTargetClass().getBaseComponentType().getPackageName();
          if (to.startsWith(ROOT) && !shortName(to).equals(from)) {
            users.computeIfAbsent(shortName(to), _ -> new TreeSet<>()).add(from);
          }
        });
    return users;
  }

  private static String shortName(String packageName) {
    return packageName.equals(ROOT) ? START : packageName.substring(ROOT.length() + 1);
  }

  @Test
  void packagesUseEachOtherAsListedAndNotOtherwise() {
    assertThat(actualUsers())
        .isEqualTo(
            ALLOWED.stream().collect(Collectors.toMap(Use::used, it -> new TreeSet<>(it.users()))));
  }

  /** Failing, it says what the documentation has to have. */
  @Test
  void theDocumentationShowsThem() throws IOException {
    assertThat(Files.readString(DOCUMENTATION)).contains(picture() + "\n" + table());
  }

  private static String table() {
    return ALLOWED.reversed().stream()
        .map(it ->
            "| `%s` | %s | %s |\n".formatted(it.used(), String.join(", ", it.users()), it.reason()))
        .collect(
            Collectors.joining("", "| package | is used by | which so |\n|---|---|---|\n", ""));
  }

  /** Packages by height: each uses only what stands in the rows below it. */
  private static String picture() {
    Map<String, List<String>> uses = new HashMap<>();
    for (Use use : ALLOWED) {
      for (String user : use.users()) {
        uses.computeIfAbsent(user, _ -> new ArrayList<>()).add(use.used());
      }
    }
    Map<Integer, NavigableSet<String>> rows = new TreeMap<>(Comparator.reverseOrder());
    ALLOWED.forEach(
        it -> rows.computeIfAbsent(height(it.used(), uses), _ -> new TreeSet<>()).add(it.used()));
    return rows.values().stream()
        .map(row -> row.stream().map("[ %s ]"::formatted).collect(Collectors.joining("  ")))
        .map(row -> " ".repeat(Math.max(0, (64 - row.length()) / 2)) + row + "\n")
        .collect(Collectors.joining("", "```\n", "```\n"));
  }

  private static int height(String name, Map<String, List<String>> uses) {
    return uses.getOrDefault(name, List.of()).stream()
        .mapToInt(it -> 1 + height(it, uses))
        .max()
        .orElse(0);
  }
}
