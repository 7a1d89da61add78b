package io.sluice.proxy.admin;

import io.sluice.proxy.observe.Metric;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The {@code process_*} metrics that every Prometheus client has, read from {@code /proc/self}. */
final class ProcessMetrics {
  private ProcessMetrics() {}

  static void write(MetricText text) throws IOException {
    gauge(
        text,
        "process_start_time_seconds",
        "Start time since the epoch.",
        ManagementFactory.getRuntimeMXBean().getStartTime() / 1e3);
    var cpu = ProcessHandle.current().info().totalCpuDuration();
    if (cpu.isPresent()) {
      text.begin(
          "process_cpu_seconds_total", Metric.Type.COUNTER, "User and system CPU time.", List.of());
      text.fraction(cpu.get().toMillis() / 1e3);
    }
    for (String line : lines("status")) {
      if (line.startsWith("VmRSS:")) {
        gauge(text, "process_resident_memory_bytes", "Resident memory size.", kilobytes(line));
      } else if (line.startsWith("VmSize:")) {
        gauge(text, "process_virtual_memory_bytes", "Virtual memory size.", kilobytes(line));
      }
    }
    writeDescriptors(text);
  }

  private static void writeDescriptors(MetricText text) throws IOException {
    int count = 0;
    try (DirectoryStream<Path> open = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path _ : open) {
        count++;
      }
    } catch (IOException _) {
      return; // no /proc, or no descriptor to read it by: then it is not known
    }
    gauge(text, "process_open_fds", "Open file descriptors.", count);
    for (String line : lines("limits")) {
      if (line.startsWith("Max open files")) {
        String soft = line.substring("Max open files".length()).strip().split(" ", 2)[0];
        if (!soft.equals("unlimited")) {
          gauge(text, "process_max_fds", "Limit of file descriptors.", Double.parseDouble(soft));
        }
      }
    }
  }

  private static void gauge(MetricText text, String name, String help, double value)
      throws IOException {
    text.begin(name, Metric.Type.GAUGE, help, List.of());
    text.fraction(value);
  }

  private static double kilobytes(String line) {
    return Long.parseLong(line.replaceAll("\\D", "")) * 1024.0;
  }

  private static List<String> lines(String file) {
    try {
      return Files.readAllLines(Path.of("/proc/self", file));
    } catch (IOException _) {
      return List.of(); // no /proc: then these are not known
    }
  }
}
