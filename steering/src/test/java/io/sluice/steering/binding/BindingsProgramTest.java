package io.sluice.steering.binding;

import static io.sluice.steering.binding.BindingTableTest.table;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.DropReason;
import io.sluice.steering.Errno;
import io.sluice.steering.IpAddress;
import io.sluice.steering.ListenerTable;
import io.sluice.steering.LookupContext;
import io.sluice.steering.LookupObserver;
import io.sluice.steering.Program;
import io.sluice.steering.Program.Candidate;
import io.sluice.steering.ProgramChain;
import io.sluice.steering.Protocol;
import io.sluice.steering.SkLookup;
import io.sluice.steering.Socket;
import io.sluice.steering.Verdict;
import io.sluice.steering.map.SockMap;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class BindingsProgramTest {
  private static final String WIDE = "tcp 192.0.2.0/24 80";
  private static final String NARROW = "tcp 192.0.2.1/32 any";
  private static final int WIDE_SLOT = 0;
  private static final int NARROW_SLOT = 1;

  private final SockMap sockets = new SockMap(2);
  private final Program program =
      BindingsProgram.of(
          table(WIDE + ", " + NARROW + ", udp 192.0.2.9/32 any"),
          sockets,
          (label, protocol) ->
              protocol == Protocol.UDP ? -1 : label.equals(WIDE) ? WIDE_SLOT : NARROW_SLOT);
  private final List<String> heard = new ArrayList<>();
  private final LookupContext context =
      new LookupContext(
          new LookupObserver() {
            @Override
            public void missed(String label, LookupContext context) {
              heard.add("missed " + label);
            }

            @Override
            public void assignFailed(String program, Errno errno) {
              heard.add(program + " " + errno);
            }
          });

  private final Socket wide = put(WIDE_SLOT);
  private final Socket narrow = put(NARROW_SLOT);

  private Socket put(int slot) {
    Socket socket = Socket.bound(Protocol.TCP, IpAddress.ANY_IPV4, 1).build();
    sockets.update(slot, socket);
    return socket;
  }

  private Verdict lookup(String packet, Program... programs) {
    List<ProgramChain.Link> links = new ArrayList<>();
    for (Program one : programs) {
      links.add(new ProgramChain.Link("program " + links.size(), one));
    }
    LookupContext to = BindingTableTest.packetTo(packet);
    context.of(to.protocol(), to.local(), 1, to.local(), to.localPort(), 0);
    return new SkLookup(ProgramChain.of(links), ListenerTable.of(List.of())).lookup(context);
  }

  @Test
  void theBestBindingsSocketIsAssigned() {
    assertThat(lookup("tcp 192.0.2.1 80", program)).isEqualTo(new Verdict.Assign(narrow));
    assertThat(lookup("tcp 192.0.2.2 80", program)).isEqualTo(new Verdict.Assign(wide));
  }

  @Test
  void withoutBindingItPasses() {
    assertThat(lookup("tcp 192.0.3.1 80", program)).isInstanceOf(Verdict.Pass.class);
    assertThat(heard).isEmpty();
  }

  @Test
  void aBindingWithoutSocketDropsAndDoesNotGoOnToTheNextBest() {
    SockMap onlyWide = new SockMap(2);
    onlyWide.update(WIDE_SLOT, wide);
    Program half =
        BindingsProgram.of(
            table(WIDE + ", " + NARROW),
            onlyWide,
            (label, _) -> label.equals(WIDE) ? WIDE_SLOT : NARROW_SLOT);

    assertThat(lookup("tcp 192.0.2.1 80", half)).isEqualTo(Verdict.Drop.of(DropReason.MISS));
    assertThat(heard).containsExactly("missed " + NARROW);
    assertThat(half.explain(context).getFirst())
        .isEqualTo(new Candidate("192.0.2.1/32:any", NARROW, "longest prefix, no socket"));
  }

  @Test
  void aNegativeSlotIsNoSocket() {
    assertThat(lookup("udp 192.0.2.9 53", program)).isEqualTo(Verdict.Drop.of(DropReason.MISS));
  }

  @Test
  void aSocketThatDoesNotFitDrops() {
    sockets.update(WIDE_SLOT, Socket.bound(Protocol.UDP, IpAddress.ANY_IPV4, 1).build());

    assertThat(lookup("tcp 192.0.2.2 80", program)).isEqualTo(Verdict.Drop.of(DropReason.PROGRAM));
    assertThat(heard).containsExactly("program 0 EPROTOTYPE");
  }

  @Test
  void anEarlierSelectionStands() {
    Socket earlier = Socket.bound(Protocol.TCP, IpAddress.ANY_IPV4, 2).build();
    Program first =
        context -> {
          context.assign(earlier, 0);
          return Program.SK_PASS;
        };

    assertThat(lookup("tcp 192.0.2.1 80", first, program)).isEqualTo(new Verdict.Assign(earlier));
    assertThat(heard).containsExactly("program 1 EEXIST");
  }

  @Test
  void explainSaysWhyEachCandidateStandsWhereItStands() {
    Program three =
        BindingsProgram.of(
            table(WIDE + ", tcp 192.0.2.0/24 any, tcp 0.0.0.0/0 any"), sockets, (_, _) -> 0);

    assertThat(three.explain(BindingTableTest.packetTo("tcp 192.0.2.1 80")))
        .containsExactly(
            new Candidate("192.0.2.0/24:80", WIDE, "exact port"),
            new Candidate("192.0.2.0/24:any", "tcp 192.0.2.0/24 any", "any port"),
            new Candidate("0.0.0.0/0:any", "tcp 0.0.0.0/0 any", "shorter"));
    assertThat(three.explain(BindingTableTest.packetTo("tcp 192.0.3.1 80")))
        .containsExactly(new Candidate("0.0.0.0/0:any", "tcp 0.0.0.0/0 any", "only match"));
    assertThat(three.explain(BindingTableTest.packetTo("udp 192.0.3.1 80"))).isEmpty();
  }
}
