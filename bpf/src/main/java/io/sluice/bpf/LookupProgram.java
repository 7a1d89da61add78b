package io.sluice.bpf;

import io.sluice.bpf.compile.ProgramCompiler;
import io.sluice.bpf.isa.RejectedException;
import io.sluice.bpf.object.LinkedProgram;
import io.sluice.bpf.object.MapSpec;
import io.sluice.bpf.object.ObjectFile;
import io.sluice.bpf.run.Code;
import io.sluice.bpf.run.Maps;
import io.sluice.bpf.run.ProgramType;
import io.sluice.bpf.run.Run;
import io.sluice.bpf.run.Trap;
import io.sluice.bpf.verify.Verified;
import io.sluice.bpf.verify.Verifier;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Program;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/**
 * An sk_lookup program of an object file, as a program of the engine. Any thread may run it, each
 * with a context of its own; a run allocates nothing but what map updates need.
 */
public final class LookupProgram implements Program {
  /** Back edges and calls of one run, unless said otherwise. */
  public static final int DEFAULT_BUDGET = 1 << 16;

  private final Verified verified;
  private final Code code;
  private final Map<MapSpec, Object> maps;
  private final Maps made;
  private final int budget;
  private final LongAdder runs = new LongAdder();
  private final LongAdder traps = new LongAdder();

  private LookupProgram(Verified verified, Map<MapSpec, Object> maps, Maps made, int budget) {
    this.verified = verified;
    this.maps = Map.copyOf(maps);
    this.code = ProgramCompiler.compile(verified, maps);
    this.made = made;
    this.budget = budget;
  }

  /**
   * Verifies and compiles a program; takes milliseconds.
   *
   * @param file where it is from
   * @param program linked
   * @param maps what makes its maps, or has them
   * @param budget back edges and calls of one run
   * @throws RejectedException with one line, and the log
   */
  public static LookupProgram load(ObjectFile file, LinkedProgram program, Maps maps, int budget)
      throws RejectedException {
    ProgramType type = typeOf(program.section());
    if (type != ProgramType.SK_LOOKUP) {
      throw new RejectedException(
          "program %s is of type %s; here goes one of type sk_lookup"
              .formatted(program.name(), type));
    }
    if (file.license().isEmpty()) {
      throw new RejectedException(
          "the file has no licence: add char _license[] SEC(\"license\") = \"…\"");
    }
    Verified verified = Verifier.verify(program, type);
    Map<MapSpec, Object> made = maps.of(program.maps());
    for (MapSpec map : program.maps()) {
      maps.fill(map, file.initialMaps(map));
    }
    return new LookupProgram(verified, made, maps, budget);
  }

  /**
   * The type of the programs in a section.
   *
   * @throws RejectedException if they don't run here
   */
  public static ProgramType typeOf(String section) throws RejectedException {
    ProgramType type = ProgramType.ofSection(section);
    if (type == null) {
      throw new RejectedException(
          "programs of section %s don't run here; those of sk_lookup do".formatted(section));
    }
    return type;
  }

  @Override
  public int run(LookupContext context) {
    Run run = context.scratch() instanceof Run kept ? kept : prepare(context);
    runs.increment();
    try {
      return (int) code.run(run.begin(context, budget), context, 0);
    } catch (RuntimeException | StackOverflowError failure) {
      traps.increment();
      throw Trap.of(failure);
    }
  }

  private Run prepare(LookupContext context) {
    Run run = new Run();
    run.loop(made.loop());
    context.scratch(run);
    return run;
  }

  @Override
  public List<Candidate> explain(LookupContext context) {
    List<Candidate> candidates = new ArrayList<>();
    Run run = new Run();
    run.trace(new Explanation(candidates, maps));
    try {
      long answer = code.run(run.begin(context, budget), context, 0);
      candidates.add(
          new Candidate("returned", answer == SK_PASS ? "pass" : "drop", "R0 = " + answer));
    } catch (RuntimeException | StackOverflowError failure) {
      candidates.add(
          new Candidate("trapped", "drop", String.valueOf(Trap.of(failure).getMessage())));
    }
    return candidates;
  }

  /** What was found out about it. */
  public Verified verified() {
    return verified;
  }

  /** Its maps by their declarations. */
  public Map<MapSpec, Object> maps() {
    return maps;
  }

  /** How often it ran. */
  public long runs() {
    return runs.sum();
  }

  /** How often it did what it may not. */
  public long traps() {
    return traps.sum();
  }
}
