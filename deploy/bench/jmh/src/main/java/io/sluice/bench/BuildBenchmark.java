package io.sluice.bench;

import io.sluice.steering.binding.BindingTable;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Compiling a table of bindings that are there as objects, and what it then holds. */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(value = 3, jvmArgsAppend = "-Xmx2g")
@Warmup(iterations = 3)
@Measurement(iterations = 10)
public class BuildBenchmark {
  @Param({"1000", "100000", "1000000"})
  public int bindings;

  @Param public Addresses addresses = Addresses.IPV4;

  private BindingSet set = BindingSet.of(Addresses.IPV4, 0);

  /** What a table takes, beside the time: in each iteration this, though JMH shows their sum. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.EVENTS)
  public static class Size {
    public double bytesPerBinding;
  }

  /** Not measured. */
  @Setup
  public void setUp() {
    set = BindingSet.of(addresses, bindings);
  }

  @Benchmark
  public BindingTable build(Size size) {
    BindingTable table = set.table();
    size.bytesPerBinding = (double) table.retainedBytes() / bindings;
    return table;
  }
}
