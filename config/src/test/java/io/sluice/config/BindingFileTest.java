package io.sluice.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.sluice.steering.binding.Binding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code bindings: {file: …}}: the same bindings, and as good problems, as from the list. */
class BindingFileTest {
  private static final String REST =
      """
      capture: [{name: a, addresses: ["0.0.0.0/0", "::/0"], ports: any, method: sk_lookup}]
      destinations:
        - {label: web, protocol: tcp, targets: "127.0.0.1:80"}
        - {label: web, protocol: udp, targets: "127.0.0.1:80"}
        - {label: 'a, "b"', protocol: tcp, targets: "127.0.0.1:80"}
        - {label: größe, protocol: tcp, targets: "127.0.0.1:80"}
      """;
  private static final List<String> LIST =
      List.of(
          "tcp web 192.0.2.0/24:80",
          "tcp web 192.0.2.1/32:any",
          "udp web 192.0.2.1/32:any",
          "tcp a, \"b\" 2001:db8::/32:443",
          "tcp größe 0.0.0.0/0:65535",
          "tcp web 10.0.0.0/8:1");

  @TempDir private Path directory;

  @Test
  void csvSaysWhatTheListSays() throws Exception {
    assertThat(
            load(
                "t.csv",
                """
                # label,protocol,prefix,port
                label, protocol, prefix, port

                web,tcp,192.0.2.0/24,80
                  web , , 192.0.2.1 , any\t
                "a, ""b""\",tcp,2001:db8::/32,443
                größe,tcp,0.0.0.0/0,65535\r
                # end of the first part
                "web","tcp","10.0.0.0/8","1"
                # end 5

                """))
        .isEqualTo(LIST);
  }

  @Test
  void tubularsJsonSaysWhatTheListSays() throws Exception {
    assertThat(
            load(
                "t.json",
                """
                {"bindings": [
                \t{"label":"web","protocol":"tcp","prefix":"192.0.2.0/24","port":80},
                  {"port": 0, "label" : "web", "prefix": "192.0.2.1"},
                  {"label": "a, \\"\\u0062\\"", "protocol": "tcp", "prefix": "2001:db8::/32", "port": 443},
                  {"label": "größe", "protocol": "tcp", "prefix": "0.0.0.0\\/0", "port": 65535},
                  {"label": "web", "protocol": "tcp", "prefix": "10.0.0.0/8", "port": 1}]}
                """))
        .isEqualTo(LIST);
  }

  @Test
  void theListItselfSaysIt() throws Exception {
    Path file =
        write(
            "f.yaml",
            "version: 1\n"
                + REST
                + """
                bindings:
                  - {label: web, protocol: tcp, prefix: 192.0.2.0/24, port: 80}
                  - {label: web, prefix: 192.0.2.1, port: any}
                  - {label: 'a, "b"', protocol: tcp, prefix: "2001:db8::/32", port: 443}
                  - {label: größe, protocol: tcp, prefix: 0.0.0.0/0, port: 65535}
                  - {label: web, protocol: tcp, prefix: 10.0.0.0/8, port: 1}
                """);

    assertThat(texts(ConfigReader.read(file))).isEqualTo(LIST);
  }

  @Test
  void everyProblemOfCsvIsReportedAtItsPlace() throws Exception {
    assertThat(
            problems(
                "t.csv",
                """
                web,tcp,192.0.2.1/24,80
                größe,tcp,192.0.2.0/24,0
                web,sctp,192.0.2.0/24,80-90
                web,tcp,192.0.2.0/24
                web,tcp,192.0.2.0/24,80,
                "web,tcp,192.0.2.0/24,80
                "web"x,tcp,192.0.2.0/24,80
                ,tcp,256.0.0.1,80
                none,tcp,10.0.0.0/8,80
                web,tcp,10.0.0.0/8,80
                # end 9
                web,tcp,11.0.0.0/8,99999
                """))
        .containsExactly(
            "t.csv:1:9: prefix: 192.0.2.1/24 has host bits set; was 192.0.2.0/24 meant, or"
                + " 192.0.2.1/32?",
            "t.csv:2:24: port: \"0\" is no port; ports are 1–65535",
            "t.csv:3:5: protocol: \"sctp\" is no protocol; tcp and udp are",
            "t.csv:3:23: port: \"80-90\" is a range; a binding has one port or any, a rule takes a"
                + " range",
            "t.csv:4:1: expected four fields, label,protocol,prefix,port",
            "t.csv:5:1: expected four fields, label,protocol,prefix,port",
            "t.csv:6:1: label: the quote isn't closed in this line",
            "t.csv:7:6: label: text behind the closing quote; write \"\" for a quote",
            "t.csv:8:1: label: the name is empty; write one",
            "t.csv:8:6: prefix: \"256.0.0.1\" is no IP address; an IPv4 address has four decimal"
                + " parts 0–255 without leading zeros, like 192.0.2.1",
            "t.csv:9:1: label: no tcp destination has the label 'none'; add one",
            "t.csv:10:1: 10.0.0.0/8:80 is bound twice, here and at line 9; remove one",
            "t.csv:11:1: the end says 9 bindings, and 10 stand above it: the file has been cut or"
                + " edited; correct the number",
            "t.csv:12:1: bindings stand behind the end, which is at line 11");
  }

  @Test
  void everyProblemOfJsonIsReportedAtItsPlace() throws Exception {
    assertThat(
            problems(
                "t.json",
                """
                {"bindings": [
                  {"label": "web", "protocol": "tcp", "prefix": "192.0.2.1/24", "port": 80},
                  {"label": "größe", "protocol": "tcp", "prefix": "192.0.2.0/24", "port": 65536},
                  {"lable": "web", "prefix": "192.0.2.0/24", "port": 80},
                  {"label": "web", "label": "web", "prefix": "192.0.2.0/24", "port": 80},
                  {"label": "web", "protocol": "tcp", "prefix": "192.0.2.0/24"},
                  {"label": 80, "protocol": "tcp", "prefix": "192.0.2.0/24", "port": "80"},
                  {"label": "none", "protocol": "tcp", "prefix": "192.0.2.0/24", "port": 80}
                ]}
                """))
        .containsExactly(
            "t.json:2:49: bindings[0].prefix: 192.0.2.1/24 has host bits set; was 192.0.2.0/24 meant,"
                + " or 192.0.2.1/32?",
            "t.json:3:75: bindings[1].port: \"65536\" is no port; ports are 1–65535",
            "t.json:4:4: bindings[2]: unknown key; known are label, protocol, prefix, port",
            "t.json:5:20: bindings[3]: the key stands twice; keep one",
            "t.json:6:3: bindings[4]: the key 'port' is missing; write it like {\"bindings\":"
                + " [{\"label\": \"web\", \"protocol\": \"tcp\", \"prefix\": \"192.0.2.0/24\","
                + " \"port\": 80}]}",
            "t.json:7:13: bindings[5]: expected a text",
            "t.json:7:70: bindings[5]: a port is a number, without quotes",
            "t.json:8:13: bindings[6].label: no tcp destination has the label 'none'; add one");
  }

  @Test
  void whatIsNoJsonIsOneLine() throws Exception {
    assertThat(problems("t.json", "{\"bindings\": [{\"label\": \"web\",}]}"))
        .containsExactly("t.json:1:31: not valid JSON: expected \", found }");
    assertThat(problems("t.json", "{\"binding\": []}"))
        .singleElement()
        .asString()
        .startsWith("t.json:1:2: expected \"bindings\", found \"binding\"");
    assertThat(problems("t.json", "{\"bindings\": []} x"))
        .containsExactly("t.json:1:18: not valid JSON: something stands behind the end");
  }

  @Test
  void problemsStandFileByFile() throws Exception {
    write("t.csv", "web,tcp,x,80\n");
    Path file = write("f.yaml", "version: 1\nbindings: {file: t.csv}\nloops: x\n" + REST);

    assertThat(problemsOf(file).stream().filter(it -> it.severity() == Problem.Severity.ERROR))
        .extracting(problem -> problem.file() + ":" + problem.line())
        .containsExactly(file + ":3", directory.resolve("t.csv") + ":1");
  }

  @Test
  void problemsOfATableAreBounded() throws Exception {
    write("t.csv", "web,tcp,x,80\n".repeat(2000));

    List<Problem> problems =
        problemsOf(write("f.yaml", "version: 1\nbindings: {file: t.csv}\n" + REST));

    assertThat(problems).hasSize(Problems.MAX_KEPT + 1);
    assertThat(problems.getLast().message()).matches("and 1[0-9]{3} more problems");
  }

  @Test
  void anyWithoutCaptureIsReportedInTheTable() throws Exception {
    write("t.csv", "web,tcp,192.0.2.0/24,any\n");
    Path file =
        write(
            "f.yaml",
            "version: 1\nbindings: {file: t.csv}\n" + REST.substring(REST.indexOf("destinations")));

    assertThat(problemsOf(file))
        .extracting(Problem::toString)
        .anyMatch(text -> text.contains("t.csv:1:22: port: port any needs a capture"));
  }

  @Test
  void aTableWithoutLineEndIsDoubtful() throws Exception {
    write("t.csv", "web,tcp,192.0.2.0/24,80");
    Path file = write("f.yaml", "version: 1\nbindings: {file: t.csv}\n" + REST);

    assertThat(ConfigReader.load(file).warnings())
        .extracting(Problem::message)
        .contains("the last line has no line end; make sure that the file is whole");
  }

  /** Seeded: the seed of a failing round is in its message. */
  @Test
  void aDamagedTableNeverFailsButWithProblems() throws Exception {
    String csv = "web,tcp,192.0.2.0/24,80\n\"web\",udp,2001:db8::/32,any\n# end 2\n";
    String json =
        "{\"bindings\": [{\"label\": \"w\\u0065b\", \"prefix\": \"192.0.2.0/24\", \"port\": 80}]}\n";
    Path file = write("f.yaml", "version: 1\nbindings: {file: t}\n" + REST);
    for (long seed = 0; seed < 1000; seed++) {
      Random random = new Random(seed);
      StringBuilder damaged = new StringBuilder(random.nextBoolean() ? csv : json);
      for (int i = random.nextInt(4); i >= 0 && !damaged.isEmpty(); i--) {
        int at = random.nextInt(damaged.length());
        switch (random.nextInt(3)) {
          case 0 -> damaged.deleteCharAt(at);
          case 1 -> damaged.setCharAt(at, "{}[]\",:\\#0\n\t é".charAt(random.nextInt(14)));
          default -> damaged.insert(at, damaged.substring(at));
        }
      }
      write("t", damaged.toString());
      try {
        ConfigReader.load(file);
      } catch (ConfigException e) {
        assertThat(e.problems()).as("seed %d", seed).isNotEmpty();
      } catch (RuntimeException e) {
        fail("seed " + seed + ":\n" + damaged, e);
      }
    }
  }

  private List<String> load(String name, String table) throws Exception {
    write(name, table);
    Loaded loaded =
        ConfigReader.load(write("f.yaml", "version: 1\nbindings: {file: " + name + "}\n" + REST));
    return texts(loaded.config());
  }

  private static List<String> texts(Config config) {
    return config.bindings().asList().stream().map(BindingFileTest::text).toList();
  }

  private static String text(Binding binding) {
    return binding.protocol().word() + " " + binding.label() + " " + binding.match();
  }

  private List<String> problems(String name, String table) throws IOException {
    write(name, table);
    Path file = write("f.yaml", "version: 1\nbindings: {file: " + name + "}\n" + REST);
    return problemsOf(file).stream()
        .map(Problem::toString)
        .filter(text -> !text.contains(": warning: "))
        .map(text -> text.replace(directory + "/", ""))
        .toList();
  }

  private static List<Problem> problemsOf(Path file) {
    try {
      ConfigReader.read(file);
    } catch (ConfigException e) {
      return e.problems();
    }
    return fail("read without problem");
  }

  private Path write(String name, String text) throws IOException {
    return Files.writeString(directory.resolve(name), text);
  }
}
