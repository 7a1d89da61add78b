package io.sluice.proxy.conformance;

import io.sluice.proxy.linux.Linux;
import io.sluice.steering.ListenerTable;
import io.sluice.steering.LookupContext;
import io.sluice.steering.LookupObserver;
import io.sluice.steering.Program;
import io.sluice.steering.ProgramChain;
import io.sluice.steering.SkLookup;
import io.sluice.steering.Socket;
import io.sluice.steering.Verdict;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One program of the kernel beside one of the engine, and packets for both. */
final class TestRun {
  private final World world;
  private final int program;
  private final SkLookup engine;
  private final byte[] out = new byte[ContextStruct.BYTES];
  private @Nullable Throwable failure;

  /** What the engine is given; to be filled before {@link #compare}. */
  final LookupContext context =
      new LookupContext(
          new LookupObserver() {
            @Override
            public void programFailed(String name, Throwable cause) {
              failure = cause;
            }
          });

  TestRun(World world, int program, Program engine) {
    this.world = world;
    this.program = program;
    this.engine =
        new SkLookup(
            ProgramChain.of(List.of(new ProgramChain.Link("tested", engine))), ListenerTable.EMPTY);
  }

  /** Runs both; what differs, or null. */
  @Nullable String compare(Tally tally) {
    byte[] in = ContextStruct.of(context).array();
    int answer = world.kernel.bpf.testRun(program, in, out);
    String kernelSays = kernelSays(answer);
    world.groupAsked = false;
    Verdict verdict = engine.lookup(context);
    if (failure != null) {
      throw new IllegalStateException("the program of the engine is broken", failure);
    }
    String engineSays = engineSays(verdict);
    tally.add(engineSays.substring(0, engineSays.indexOf(' ')));
    return kernelSays.equals(engineSays)
        ? null
        : context + ": kernel " + kernelSays + ", engine " + engineSays;
  }

  private String kernelSays(int answer) {
    if (answer == -Linux.EOPNOTSUPP) {
      return "group asked"; // a test run doesn't, and says so
    }
    if (answer < 0) {
      return "failed with " + Linux.errnoName(-answer);
    }
    long cookie = Kernel.bytes(8).put(out, 0, 8).getLong(0);
    if (answer == 0) {
      return cookie == 0 ? "drop " : "drop with a socket";
    }
    return cookie == 0 ? "pass " : "assign " + name(world.byCookie.get(cookie));
  }

  private String engineSays(Verdict verdict) {
    if (world.groupAsked) {
      return "group asked";
    }
    return switch (verdict) {
      case Verdict.Assign(Socket socket) -> "assign " + name(socket);
      case Verdict.Pass(Socket listener) when listener == null -> "pass ";
      case Verdict.Pass _ -> "pass to a listener";
      case Verdict.Drop _ -> "drop ";
    };
  }

  private static String name(@Nullable Socket socket) {
    return socket == null ? "a socket that isn't known" : socket + " #" + socket.cookie();
  }
}
