package io.sluice.proxy.admin;

import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** The {@code process_*} metrics that every Prometheus client has, read from {@code /proc/self}. */
final class ProcessMetrics {
  private ProcessMetrics() {}

  static MetricSnapshots collect() {
    MetricSnapshots.Builder all = MetricSnapshots.builder();
    Scrape.Gauge started =
        new Scrape.Gauge("process_start_time_seconds", "Start time since the epoch.");
    started.add(ManagementFactory.getRuntimeMXBean().getStartTime() / 1e3);
    all.metricSnapshot(started.build());
    ProcessHandle.current()
        .info()
        .totalCpuDuration()
        .ifPresent(cpu -> {
          Scrape.Counter used =
              new Scrape.Counter("process_cpu_seconds", "User and system CPU time.");
          used.add(cpu.toMillis() / 1e3);
          all.metricSnapshot(used.build());
        });
    addMemory(all);
    addDescriptors(all);
    return all.build();
  }

  private static void addMemory(MetricSnapshots.Builder all) {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith("VmRSS:") || line.startsWith("VmSize:")) {
          boolean resident = line.startsWith("VmRSS:");
          Scrape.Gauge memory =
              new Scrape.Gauge(
                  resident ? "process_resident_memory_bytes" : "process_virtual_memory_bytes",
                  resident ? "Resident memory size." : "Virtual memory size.");
          memory.add(Long.parseLong(line.replaceAll("\\D", "")) * 1024.0);
          all.metricSnapshot(memory.build());
        }
      }
    } catch (IOException | NumberFormatException _) {
      // No /proc: then these are not known.
    }
  }

  private static void addDescriptors(MetricSnapshots.Builder all) {
    try (DirectoryStream<Path> open = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      int count = 0;
      for (Path _ : open) {
        count++;
      }
      Scrape.Gauge opened = new Scrape.Gauge("process_open_fds", "Open file descriptors.");
      opened.add(count);
      all.metricSnapshot(opened.build());
      for (String line : Files.readAllLines(Path.of("/proc/self/limits"))) {
        if (line.startsWith("Max open files")) {
          Scrape.Gauge limit = new Scrape.Gauge("process_max_fds", "Limit of file descriptors.");
          limit.add(
              Double.parseDouble(
                  line.substring("Max open files".length()).strip().split(" ", 2)[0]));
          all.metricSnapshot(limit.build());
        }
      }
    } catch (IOException | NumberFormatException _) {
      // No /proc: then these are not known.
    }
  }
}
