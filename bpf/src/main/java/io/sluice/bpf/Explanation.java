package io.sluice.bpf;

import io.sluice.bpf.object.MapSpec;
import io.sluice.bpf.run.Run;
import io.sluice.steering.Program;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/** Notes what a run looked up and printed, for {@code explain}. */
final class Explanation implements Run.Trace {
  private static final int MAX_LINES = 64;

  private final List<Program.Candidate> candidates;
  private final Map<MapSpec, Object> maps;

  Explanation(List<Program.Candidate> candidates, Map<MapSpec, Object> maps) {
    this.candidates = candidates;
    this.maps = maps;
  }

  @Override
  public void lookedUp(Object map, byte[] key, boolean found) {
    String name =
        maps.entrySet().stream()
            .filter(it -> it.getValue() == map)
            .map(it -> it.getKey().name())
            .findFirst()
            .orElse("a map in a map");
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
