package io.sluice.steering.binding;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.DropReason;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.ListenerTable;
import io.sluice.steering.LookupContext;
import io.sluice.steering.PortRange;
import io.sluice.steering.Program;
import io.sluice.steering.Program.Candidate;
import io.sluice.steering.ProgramChain;
import io.sluice.steering.Protocol;
import io.sluice.steering.SkLookup;
import io.sluice.steering.Socket;
import io.sluice.steering.SocketGroup;
import io.sluice.steering.Verdict;
import io.sluice.steering.binding.Rule.Action;
import io.sluice.steering.map.SockMap;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RulesProgramTest {
  private static final Action DROP = new Action.Drop();
  private static final Action PASS = new Action.Pass();
  private static final Action SSH = new Action.Assign("ssh", false, false);

  private final SockMap sockets = new SockMap(1);
  private final Socket ssh = Socket.bound(Protocol.TCP, IpAddress.ANY_IPV6, 1).build();
  private final LookupContext context = packet("tcp 203.0.113.9:5000 192.0.2.1:22 1");

  RulesProgramTest() {
    sockets.update(0, ssh);
  }

  private RulesProgram program(Rule... rules) {
    return RulesProgram.of(List.of(rules), sockets, (label, _) -> label.equals("ssh") ? 0 : -1);
  }

  private Verdict lookup(Program... programs) {
    List<ProgramChain.Link> links = new ArrayList<>();
    for (Program program : programs) {
      links.add(new ProgramChain.Link("program " + links.size(), program));
    }
    return new SkLookup(ProgramChain.of(links), ListenerTable.of(List.of())).lookup(context);
  }

  /** {@code "tcp 203.0.113.9:5000 192.0.2.1:22 1"}, the last being the interface. */
  private static LookupContext packet(String text) {
    String[] words = text.split(" ", -1);
    int remoteColon = words[1].lastIndexOf(':');
    int localColon = words[2].lastIndexOf(':');
    return new LookupContext()
        .of(
            Protocol.valueOf(words[0].toUpperCase(Locale.ROOT)),
            IpAddress.parse(words[1].substring(0, remoteColon)),
            Integer.parseInt(words[1].substring(remoteColon + 1)),
            IpAddress.parse(words[2].substring(0, localColon)),
            Integer.parseInt(words[2].substring(localColon + 1)),
            Integer.parseInt(words[3]));
  }

  private static Rule all(Action action) {
    return new Rule(null, null, null, null, null, 0, action);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      nullValues = "-",
      textBlock =
          """
          # from        | from ports  | to            | ports   | proto | if | packet                                | matches
          -             | -           | -             | -       | -     | 0  | tcp 203.0.113.9:5000 192.0.2.1:22 1   | true
          -             | -           | -             | -       | -     | 0  | udp ::1:5000 ::2:22 0                 | true
          203.0.113.0/24| -           | -             | -       | -     | 0  | tcp 203.0.113.9:5000 192.0.2.1:22 1   | true
          203.0.113.0/24| -           | -             | -       | -     | 0  | tcp 203.0.112.9:5000 192.0.2.1:22 1   | false
          0.0.0.0/0     | -           | -             | -       | -     | 0  | tcp 2001:db8::1:5000 2001:db8::2:22 1 | false
          ::/0          | -           | -             | -       | -     | 0  | tcp 203.0.113.9:5000 192.0.2.1:22 1   | false
          2001:db8::/32 | -           | -             | -       | -     | 0  | tcp 2001:db8::1:5000 2001:db9::2:22 1 | true
          2001:db8::/32 | -           | -             | -       | -     | 0  | tcp 2001:db9::1:5000 2001:db8::2:22 1 | false
          2001:db8::/65 | -           | -             | -       | -     | 0  | tcp 2001:db8::8000:0:0:1:50 ::2:22 1  | false
          -             | 5000        | -             | -       | -     | 0  | tcp 203.0.113.9:5000 192.0.2.1:22 1   | true
          -             | 4000-4999   | -             | -       | -     | 0  | tcp 203.0.113.9:5000 192.0.2.1:22 1   | false
          -             | -           | 192.0.2.0/24  | -       | -     | 0  | tcp 203.0.113.9:5000 192.0.2.1:22 1   | true
          -             | -           | 192.0.2.2/32  | -       | -     | 0  | tcp 203.0.113.9:5000 192.0.2.1:22 1   | false
          -             | -           | 2001:db8::/32 | -       | -     | 0  | tcp 2001:db9::1:5000 2001:db8::2:22 1 | true
          -             | -           | -             | 22      | -     | 0  | tcp 203.0.113.9:5000 192.0.2.1:22 1   | true
          -             | -           | -             | 20-21   | -     | 0  | tcp 203.0.113.9:5000 192.0.2.1:22 1   | false
          -             | -           | -             | 20-22   | -     | 0  | tcp 203.0.113.9:5000 192.0.2.1:22 1   | true
          -             | -           | -             | 22-30   | -     | 0  | tcp 203.0.113.9:5000 192.0.2.1:22 1   | true
          -             | -           | -             | 23-30   | -     | 0  | tcp 203.0.113.9:5000 192.0.2.1:22 1   | false
          -             | -           | -             | any     | -     | 0  | tcp 203.0.113.9:5000 192.0.2.1:22 1   | true
          -             | -           | -             | -       | TCP   | 0  | tcp 203.0.113.9:5000 192.0.2.1:22 1   | true
          -             | -           | -             | -       | UDP   | 0  | tcp 203.0.113.9:5000 192.0.2.1:22 1   | false
          -             | -           | -             | -       | -     | 1  | tcp 203.0.113.9:5000 192.0.2.1:22 1   | true
          -             | -           | -             | -       | -     | 2  | tcp 203.0.113.9:5000 192.0.2.1:22 1   | false
          -             | -           | -             | -       | -     | 2  | tcp 203.0.113.9:5000 192.0.2.1:22 0   | false
          203.0.113.0/24| 1-9999      | 192.0.2.0/24  | 22      | TCP   | 1  | tcp 203.0.113.9:5000 192.0.2.1:22 1   | true
          203.0.113.0/24| 1-9999      | 192.0.2.0/24  | 22      | TCP   | 1  | tcp 203.0.113.9:5000 192.0.3.1:22 1   | false
          """)
  void aRuleMatchesIfAllThatItNamesDoes(
      @Nullable String from,
      @Nullable String fromPorts,
      @Nullable String to,
      @Nullable String ports,
      @Nullable Protocol protocol,
      int ifindex,
      String packet,
      boolean matches) {
    Rule rule =
        new Rule(
            from == null ? null : IpPrefix.parse(from),
            fromPorts == null ? null : PortRange.parse(fromPorts),
            to == null ? null : IpPrefix.parse(to),
            ports == null ? null : PortRange.parse(ports),
            protocol,
            ifindex,
            DROP);

    assertThat(program(rule).run(packet(packet)))
        .isEqualTo(matches ? Program.SK_DROP : Program.SK_PASS);
  }

  @Test
  void theFirstMatchDecides() {
    assertThat(lookup(program(all(PASS), all(DROP)))).isInstanceOf(Verdict.Pass.class);
    assertThat(lookup(program(all(DROP), all(SSH)))).isEqualTo(Verdict.Drop.of(DropReason.PROGRAM));
    assertThat(lookup(program(all(SSH), all(DROP)))).isEqualTo(new Verdict.Assign(ssh));
  }

  @Test
  void nothingMatchedPasses() {
    assertThat(lookup(program())).isInstanceOf(Verdict.Pass.class);
  }

  @Test
  void aLabelWithoutSocketDrops() {
    assertThat(lookup(program(all(new Action.Assign("gone", false, false)))))
        .isEqualTo(Verdict.Drop.of(DropReason.MISS));
  }

  @Test
  void replaceDecidesWhetherAnEarlierSelectionStands() {
    Socket earlier = Socket.bound(Protocol.TCP, IpAddress.ANY_IPV4, 2).build();
    Program first =
        context -> {
          context.assign(earlier, 0);
          return Program.SK_PASS;
        };

    assertThat(lookup(first, program(all(SSH)))).isEqualTo(new Verdict.Assign(earlier));
    assertThat(lookup(first, program(all(new Action.Assign("ssh", true, false)))))
        .isEqualTo(new Verdict.Assign(ssh));
  }

  @Test
  void noReuseportTakesTheSocketItself() {
    SocketGroup refusing = (_, _) -> Verdict.Drop.of(DropReason.GROUP);
    ssh.group(refusing);

    assertThat(lookup(program(all(SSH)))).isEqualTo(Verdict.Drop.of(DropReason.GROUP));
    assertThat(lookup(program(all(new Action.Assign("ssh", false, true)))))
        .isEqualTo(new Verdict.Assign(ssh));
  }

  @Test
  void explainNamesTheRuleThatDecidedAndThenThoseBeforeIt() {
    Rule udp = new Rule(null, null, null, null, Protocol.UDP, 0, DROP);
    Rule other = new Rule(null, null, IpPrefix.parse("192.0.3.0/24"), null, null, 0, PASS);

    assertThat(program(udp, other, all(SSH), all(DROP)).explain(context))
        .containsExactly(
            new Candidate("rule 3", "ssh", "first match"),
            new Candidate("rule 1", "drop", "not protocol udp"),
            new Candidate("rule 2", "pass", "not to 192.0.3.0/24"));
    assertThat(program(udp).explain(context))
        .containsExactly(new Candidate("rule 1", "drop", "not protocol udp"));
    assertThat(program(all(new Action.Assign("gone", false, false))).explain(context))
        .containsExactly(new Candidate("rule 1", "gone", "first match, no socket"));
  }
}
