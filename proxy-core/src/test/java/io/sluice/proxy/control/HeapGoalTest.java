package io.sluice.proxy.control;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class HeapGoalTest {
  private static final long MIB = 1 << 20;

  @Test
  void zgcKeepsTheHeapNearWhatALargeTableNeeds() throws Exception {
    assertThat(goal(1_000_000, "-XX:+UseZGC", "-Xmx1g")).isEqualTo(256 * MIB + 256_000_000);
  }

  @Test
  void theGoalIsNoMoreThanTheHeapMayBe() throws Exception {
    assertThat(goal(1_000_000, "-XX:+UseZGC", "-Xmx300m")).isEqualTo(300 * MIB);
  }

  @Test
  void theOperatorsGoalStays() throws Exception {
    assertThat(goal(1_000_000, "-XX:+UseZGC", "-Xmx1g", "-XX:SoftMaxHeapSize=700m"))
        .isEqualTo(700 * MIB);
  }

  @Test
  void smallTablesAndOtherCollectorsHaveNone() throws Exception {
    assertThat(goal(99_999, "-XX:+UseZGC", "-Xmx1g")).isEqualTo(1024 * MIB);
    assertThat(goal(1_000_000, "-XX:+UseSerialGC", "-Xmx1g")).isEqualTo(1024 * MIB);
  }

  /** The goal of a Java with these options once it has a table of so many bindings. */
  private static long goal(int bindings, String... options) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(requireNonNull(System.getProperty("java.home")), "bin", "java").toString());
    command.addAll(List.of(options));
    command.addAll(List.of("-cp", requireNonNull(System.getProperty("java.class.path"))));
    command.addAll(List.of(Program.class.getName(), String.valueOf(bindings)));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    return Long.parseLong(said.strip());
  }

  /** Sets the goal, and prints it. */
  static final class Program {
    private Program() {}

    public static void main(String[] arguments) {
      HeapGoal.set(Integer.parseInt(arguments[0]));
      System.out.println(
          ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
              .getVMOption("SoftMaxHeapSize")
              .getValue());
    }
  }
}
