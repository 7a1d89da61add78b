package io.sluice.bench;

import io.sluice.config.Change;
import io.sluice.config.Config;
import io.sluice.config.ConfigException;
import io.sluice.config.ConfigReader;
import io.sluice.config.Layer;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.name.Resolver;
import io.sluice.steering.binding.Binding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One binding more in a large table: from the change to the snapshot that lookups would read. Each
 * is made on top of those before, as at run time.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(value = 1, jvmArgsAppend = "-Xmx2g")
@Warmup(iterations = 3)
@Measurement(iterations = 5)
public class BindBenchmark {
  private static final int MOST = 1000; // then from the beginning

  @Param({"1000000"})
  public int bindings;

  private Config first = config("version: 1\n");
  private Config config = first;
  private Snapshot snapshot = snapshot(first);
  private int bound;

  private static Config config(String text) {
    try {
      Path file = Files.createTempFile("bind", ".yaml");
      Files.writeString(file, text);
      Config config = ConfigReader.read(file);
      Files.delete(file);
      return config;
    } catch (IOException | ConfigException failure) {
      throw new IllegalStateException(failure);
    }
  }

  private static Snapshot snapshot(Config config) {
    try {
      return Snapshot.of(config, null, Resolver.offline());
    } catch (ConfigException failure) {
      throw new IllegalStateException(failure);
    }
  }

  /** Not measured. */
  @Setup(Level.Trial)
  public void setUp() throws IOException {
    Path csv = Files.createTempFile("bindings", ".csv");
    StringBuilder lines = new StringBuilder();
    for (Binding binding : BindingSet.of(Addresses.IPV4, bindings).bindings) {
      String port = binding.port() == Binding.ANY_PORT ? "any" : "" + binding.port();
      lines.append("web,tcp,").append(binding.prefix()).append(',').append(port).append('\n');
    }
    Files.writeString(csv, lines);
    first =
        config(
            """
            version: 1
            capture: [{name: all, addresses: [0.0.0.0/0], ports: any, method: tproxy}]
            bindings: {file: %s}
            destinations: [{label: web, protocol: tcp, targets: ["127.0.0.1:80"]}]
            """
                .formatted(csv));
    Files.delete(csv);
    config = first;
    snapshot = snapshot(first);
  }

  @Benchmark
  public Snapshot bind() throws ConfigException {
    if (bound++ % MOST == 0) {
      config = first;
    }
    String prefix = "127." + bound % 256 + "." + bound / 256 % 256 + ".9/32";
    Change change = new Change.Bind("web", "tcp", prefix, "" + (1 + bound % 60_000));
    config = ConfigReader.edit(config, Layer.RUNTIME, List.of(change)).config();
    snapshot = snapshot.rebound(config);
    return snapshot;
  }
}
