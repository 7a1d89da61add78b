package io.sluice.proxy.cli;

import io.sluice.bpf.LookupProgram;
import io.sluice.bpf.isa.RejectedException;
import io.sluice.bpf.object.LinkedProgram;
import io.sluice.bpf.object.MapSpec;
import io.sluice.bpf.object.ObjectFile;
import io.sluice.bpf.run.MapEntries;
import io.sluice.bpf.run.Maps;
import io.sluice.config.Lookup;
import io.sluice.proxy.control.ExitCode;
import io.sluice.proxy.program.BpfObjects;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Program;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code sluice program check|run|dump}: eBPF objects, looked at and tried without a daemon. */
final class ObjectCommands {
  private static final int MOST_ENTRIES = 20;

  private ObjectCommands() {}

  /** What all of them do with a file: one line for what is wrong with it. */
  abstract static class OfObject implements Callable<Integer> {
    @Spec private CommandSpec spec = CommandSpec.create();

    @Parameters(paramLabel = "FILE", description = "The object: clang -O2 -g -target bpf -c.")
    private Path file = Path.of("");

    @Option(
        names = {"-p", "--program"},
        paramLabel = "NAME",
        description = "The program; needed if the file has several that run here.")
    private String program = "";

    @Option(names = "--log", description = "Print the verifier's whole log.")
    private boolean log;

    @Override
    public Integer call() throws IOException {
      PrintWriter out = spec.commandLine().getOut();
      try {
        ObjectFile object = ObjectFile.read(Files.readAllBytes(file));
        does(object, BpfObjects.program(object, program, ""), out);
        out.flush();
        return ExitCode.DONE;
      } catch (RejectedException rejected) {
        out.flush();
        spec.commandLine().getErr().println(file + ": " + rejected.line());
        if (log) {
          rejected.log().forEach(spec.commandLine().getErr()::println);
        }
        return ExitCode.FAILED;
      } catch (NoSuchFileException _) {
        spec.commandLine().getErr().println(file + ": no such file");
        return ExitCode.FAILED;
      }
    }

    abstract void does(ObjectFile object, LinkedProgram program, PrintWriter out)
        throws RejectedException;

    boolean wantsLog() {
      return log;
    }

    static LookupProgram loaded(ObjectFile object, LinkedProgram program) throws RejectedException {
      return LookupProgram.load(object, program, Maps.forThreads(1), LookupProgram.DEFAULT_BUDGET);
    }
  }

  /** {@code sluice program check}. */
  @Command(
      name = "check",
      description = {
        "Says whether a program would be loaded: its maps, its functions, what "
            + "ought to be known of it; or in one line why not.",
        "Exit code 0, or 1."
      })
  static final class Check extends OfObject {
    @Override
    void does(ObjectFile object, LinkedProgram program, PrintWriter out) throws RejectedException {
      LookupProgram loaded = loaded(object, program);
      out.printf(
          "program    %s (%s), licence %s%n", program.name(), program.section(), object.license());
      out.printf(
          "size       %d instructions in %d functions: %s%n",
          program.length(),
          program.functions().size(),
          String.join(", ", program.functions().values()));
      for (MapSpec map : program.maps()) {
        out.printf(
            "map        %s: %s, key %d, value %d, max %d%n",
            map, map.kind(), map.keySize(), map.valueSize(), map.maxEntries());
      }
      loaded.verified().lints().forEach(it -> out.printf("note       %s%n", it));
      if (wantsLog()) {
        loaded.verified().log().forEach(out::println);
      }
      out.println("ok");
    }
  }

  /** {@code sluice program run}. */
  @Command(
      name = "run",
      description = {
        "Runs a program once, on empty maps: its verdict, what it looked up, what "
            + "is in its maps then.",
        "No socket is there to be assigned."
      },
      footer = {
        "",
        "  sluice program run x.o --lookup \"tcp 203.0.113.9:51234 127.0.1.7:8080\"",
      })
  static final class Run extends OfObject {
    @Option(
        names = "--lookup",
        required = true,
        paramLabel = "LOOKUP",
        description = "tcp|udp SRC:PORT DST:PORT, IPv6 addresses in brackets.")
    private String lookup = "";

    @Override
    void does(ObjectFile object, LinkedProgram program, PrintWriter out) throws RejectedException {
      Lookup packet;
      try {
        packet = Lookup.parse(lookup);
      } catch (IllegalArgumentException wrong) {
        throw new RejectedException(String.valueOf(wrong.getMessage()));
      }
      LookupProgram loaded = loaded(object, program);
      List<Program.Candidate> candidates = loaded.explain(packet.toContext(new LookupContext()));
      for (Program.Candidate it : candidates) {
        out.printf("%-40s %s (%s)%n", it.match(), it.result(), it.why());
      }
      loaded.maps().forEach((spec, map) -> print(spec, map, out));
    }

    private static void print(MapSpec spec, Object map, PrintWriter out) {
      for (MapEntries.Entry it : MapEntries.all(map, MOST_ENTRIES)) {
        out.printf("map %s[%s] = %s%n", spec, it.key(), it.value());
      }
    }
  }

  /** {@code sluice program dump}. */
  @Command(name = "dump", description = "Prints a program's instructions with its source lines.")
  static final class Dump extends OfObject {
    @Override
    void does(ObjectFile object, LinkedProgram program, PrintWriter out) {
      program.listing().forEach(out::println);
    }
  }
}
