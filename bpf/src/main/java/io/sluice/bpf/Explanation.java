package io.sluice.bpf;

import io.sluice.bpf.object.MapSpec;
import io.sluice.bpf.run.Run;
import io.sluice.steering.Program;
import java.util.HexFormat;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/** Notes what a run looked up and printed, for {@code explain}. */
final class Explanation implements Run.Trace {
  private static final int MAX_LINES = 64;

  private final List<Program.Candidate> candidates;
  private final IdentityHashMap<Object, String> names = new IdentityHashMap<>();

  Explanation(List<Program.Candidate> candidates, Map<MapSpec, Object> maps) {
    this.candidates = candidates;
    maps.forEach((spec, map) -> names.put(map, spec.name()));
  }

  @Override
  public void lookedUp(Object map, byte[] key, boolean found) {
    String name = names.getOrDefault(map, "a map in a map");
    add(
        "lookup " + name + "[" + HexFormat.ofDelimiter(" ").formatHex(key) + "]",
        found ? "found" : "nothing",
        "map " + name);
  }

  @Override
  public void printed(String line) {
    add("bpf_printk", line, "the program printed it");
  }

  private void add(String match, String result, String why) {
    if (candidates.size() < MAX_LINES) {
      candidates.add(new Program.Candidate(match, result, why));
    }
  }
}
