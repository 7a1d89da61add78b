package io.sluice.proxy.conformance;

import io.sluice.proxy.linux.Linux;
import io.sluice.steering.ListenerTable;
import io.sluice.steering.LookupContext;
import io.sluice.steering.LookupObserver;
import io.sluice.steering.ProgramChain;
import io.sluice.steering.SkLookup;
import io.sluice.steering.Socket;
import io.sluice.steering.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Connects and sends in a network namespace of its own, to which random chains of programs are
 * attached, and compares who got it with what the engine says. Run by {@link LiveConformanceTest}.
 */
final class LiveConformance {
  private static final int SCENES = 50;
  private static final int CHAINS = 8;
  private static final int CASES = 8;
  private static final int MAX_PROGRAMS = 5;

  private final Kernel kernel = new Kernel();
  private final LiveClient client = new LiveClient(kernel);
  private final Tally tally;
  private final boolean lies;
  private final int namespace =
      Kernel.check("namespace", kernel.syscalls.open("/proc/self/ns/net"));

  /** A program in the kernel, attached, and the engine's. */
  private record Attached(int link, int digest, EngineProgram engine, Step.Source source) {}

  private LiveConformance(long seed, boolean lies) {
    this.tally = new Tally(seed);
    this.lies = lies;
  }

  /** The first argument is the seed; with a second one, {@code lie}, the engine is mistaken. */
  public static void main(String[] arguments) {
    new LiveConformance(Long.parseLong(arguments[0]), arguments.length > 1).run();
  }

  private void run() {
    for (int i = 0; i < SCENES && !tally.isFull(); i++) {
      Random random = new Random(tally.random().nextLong());
      try (Scene scene = new Scene(kernel, random)) {
        tally.differences(scene.maps.takeDifferences());
        for (int j = 0; j < CHAINS && !tally.isFull(); j++) {
          runChain(scene, random);
        }
      }
    }
    tally.differences().forEach(System.out::println);
    tally.print("live");
  }

  private void runChain(Scene scene, Random random) {
    List<Attached> chain = new ArrayList<>();
    List<ProgramChain.Link> links = new ArrayList<>();
    int count = random.nextInt(MAX_PROGRAMS + 1);
    for (int i = 0; i < count; i++) {
      Attached attached = attach(scene, random);
      chain.add(attached);
      links.add(new ProgramChain.Link("program " + i, attached.engine));
    }
    tally.program();
    SkLookup engine =
        new SkLookup(ProgramChain.of(links), lies ? ListenerTable.EMPTY : scene.listeners);
    for (int i = 0; i < CASES && !tally.isFull(); i++) {
      if (random.nextInt(4) == 0) {
        scene.stir();
      }
      String difference = compare(scene, engine, chain);
      if (difference != null) {
        tally.difference(difference + "\n  sockets " + scene.twins + "\n  programs " + chain);
        break; // the maps may differ from here on
      }
    }
    scene.compareMaps();
    tally.differences(scene.maps.takeDifferences());
    for (Attached attached : chain) {
      kernel.close(attached.link);
      kernel.close(attached.digest);
    }
  }

  private Attached attach(Scene scene, Random random) {
    Step.Source source = new ProgramGenerator(random, scene::fill, scene.programsWrite).program();
    int digest = kernel.map(Linux.BPF_MAP_TYPE_ARRAY, 4, 8, 1);
    int program = kernel.lookupProgram(KernelCode.of(source, scene.maps, digest));
    int link = Kernel.check("link", kernel.bpf.createLink(program, namespace, Linux.BPF_SK_LOOKUP));
    kernel.close(program);
    return new Attached(link, digest, new EngineProgram(source, scene.maps, tally), source);
  }

  private @Nullable String compare(Scene scene, SkLookup engine, List<Attached> chain) {
    List<Throwable> failures = new ArrayList<>();
    LookupContext packet =
        new LookupContext(
            new LookupObserver() {
              @Override
              public void programFailed(String program, Throwable cause) {
                failures.add(cause);
              }
            });
    scene.fill(packet);
    scene.groups.values().forEach(GroupCode::reset);
    Object got = client.run(packet, scene.twins);
    Socket flow = scene.flow(packet);
    Verdict verdict = flow == null ? engine.lookup(packet) : null;
    Object wanted = verdict == null ? flow : wanted(verdict);
    if (!failures.isEmpty()) {
      throw new IllegalStateException("a program of the engine is broken", failures.getFirst());
    }
    tally.add(packet.protocol().word() + " " + kind(scene, verdict));
    if (!same(scene, got, wanted)) {
      return packet + ": kernel " + got + ", engine " + wanted;
    }
    String other = flow != null ? null : otherDigest(scene, chain);
    return other == null ? null : packet + " to " + got + ": " + other;
  }

  /** What is counted. */
  private static String kind(Scene scene, @Nullable Verdict verdict) {
    boolean group = scene.groups.values().stream().anyMatch(GroupCode::hasRun);
    return switch (verdict) {
      case null -> "flow";
      case Verdict.Assign _ -> group ? "assigned group" : "assigned";
      case Verdict.Pass(Socket listener) when listener != null ->
          group ? "listening group" : "listener";
      case Verdict.Pass _, Verdict.Drop _ -> "refused";
    };
  }

  private static Object wanted(Verdict verdict) {
    return switch (verdict) {
      case Verdict.Assign(Socket socket) -> socket;
      case Verdict.Pass(Socket listener) when listener != null -> listener;
      case Verdict.Pass _, Verdict.Drop _ -> LiveClient.REFUSED;
    };
  }

  /** Equal; or of one group, if the group went by its hash, which is the kernel's secret. */
  private static boolean same(Scene scene, Object got, Object wanted) {
    if (!(got instanceof Twin twin) || !(wanted instanceof Socket socket)) {
      return got.equals(wanted);
    }
    GroupCode code = socket.group() == null ? null : scene.groups.get(socket.group());
    boolean byHash = code != null && code.hasRun() && !code.hasSelected();
    return twin.socket == socket || byHash && Objects.equals(twin.socket.group(), socket.group());
  }

  private @Nullable String otherDigest(Scene scene, List<Attached> chain) {
    for (Attached attached : chain) {
      if (Scene.digest(kernel, attached.digest) != attached.engine.digest()) {
        return "the program saw something else: " + attached.source;
      }
    }
    for (GroupCode code : scene.groups.values()) {
      if (scene.sawSomethingElse(code)) {
        return "the group's program saw something else: " + code;
      }
    }
    return null;
  }
}
