package io.sluice.bench;

import io.sluice.steering.binding.BindingTable;
import java.util.List;
import java.util.concurrent.TimeUnit;
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

/** One lookup in a table of bindings, each of another packet. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(3)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class LookupBenchmark {
  private static final int PACKETS = 1 << 20;

  @Param({"1", "1000", "100000", "1000000"})
  public int bindings;

  @Param public Addresses addresses = Addresses.IPV4;

  @Param({"true", "false"})
  public boolean hits;

  private BindingTable table = BindingTable.of(List.of());
  private Packets packets = new Packets(0);
  private int next;
  private int previous;
  private int never; // 0, but the compiler doesn't know

  /** Not measured. */
  @Setup
  public void setUp() {
    BindingSet set = BindingSet.of(addresses, bindings);
    table = set.table();
    packets = set.packets(table, PACKETS, hits);
  }

  /** As many as go: the processor may begin the next one while this one waits for memory. */
  @Benchmark
  public int match() {
    next = next + 1 & PACKETS - 1;
    return packets.match(table, next);
  }

  /** One after the other: each waits for what the one before found. */
  @Benchmark
  public int matchAlone() {
    next = next + 1 + (previous & never) & PACKETS - 1;
    previous = packets.match(table, next);
    return previous;
  }
}
