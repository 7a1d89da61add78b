package io.sluice.bench;

import io.sluice.steering.LookupContext;
import io.sluice.steering.SkLookup;
import io.sluice.steering.Socket;
import io.sluice.steering.Verdict;
import io.sluice.steering.binding.BindingTable;
import io.sluice.steering.reuseport.ReuseportGroup;
import io.sluice.steering.reuseport.ReuseportGroup.Selection;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
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

/** A whole lookup of a new TCP connection, as the relay does it, and what it consists of. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(3)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class EngineBenchmark {
  private static final int PACKETS = 1 << 14;

  /** Bindings, and a chain of programs over them. */
  @State(Scope.Thread)
  public static class Chain {
    @Param({"1", "8"})
    public int programs;

    @Param({"1000"})
    public int bindings;

    private final LookupContext context = new LookupContext();
    private Packets packets = new Packets(0);
    private SkLookup engine = LookupPath.rules(1);
    private int next;

    /** Not measured. */
    @Setup
    public void setUp() {
      BindingSet set = BindingSet.of(Addresses.MIXED, bindings);
      BindingTable table = set.table();
      packets = set.packets(table, PACKETS, true);
      engine = LookupPath.bindings(table, programs);
      LookupPath.check(engine, packets.describe(context, 0));
    }
  }

  /** A program of rules, of which the last one matches. */
  @State(Scope.Thread)
  public static class Rules {
    @Param({"1", "10", "100"})
    public int rules;

    private final LookupContext context = new LookupContext();
    private SkLookup engine = LookupPath.rules(1);
    private int next;

    /** Not measured. */
    @Setup
    public void setUp() {
      engine = LookupPath.rules(rules);
      LookupPath.check(engine, LookupPath.describe(context, 0));
    }
  }

  /** A reuseport group of ten. */
  @State(Scope.Thread)
  public static class Group {
    @Param public Selection selection = Selection.HASH;

    private final LookupContext context = new LookupContext();
    private ReuseportGroup group = LookupPath.group(1, selection);
    private Socket hit = LookupPath.socket(1);
    private int next;

    /** Not measured. */
    @Setup
    public void setUp() {
      group = LookupPath.group(10, selection);
      hit = group.members().getFirst().socket();
    }
  }

  /** From the packet's description to the verdict. */
  @Benchmark
  public Verdict lookup(Chain state) {
    state.next = state.next + 1 & PACKETS - 1;
    return state.engine.lookup(state.packets.describe(state.context, state.next));
  }

  @Benchmark
  public Verdict rules(Rules state) {
    return state.engine.lookup(LookupPath.describe(state.context, state.next++));
  }

  @Benchmark
  public @Nullable Socket group(Group state) {
    return state.group.select(LookupPath.describe(state.context, state.next++), state.hit).socket();
  }
}
