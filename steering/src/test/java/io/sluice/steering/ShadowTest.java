package io.sluice.steering;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A program that runs beside another one is compared, and decides nothing. */
final class ShadowTest {
  private static final int CLIENT = 0xc0000201;

  private final Socket one = socket(1);
  private final Socket two = socket(2);
  private final List<String> heard = new ArrayList<>();
  private final LookupContext context =
      new LookupContext(
          new LookupObserver() {
            @Override
            public void assignFailed(String program, Errno errno) {
              heard.add("assign failed");
            }

            @Override
            public void programFailed(String program, Throwable cause) {
              heard.add("program failed");
            }

            @Override
            public void missed(String label, LookupContext context) {
              heard.add("missed");
            }
          });
  private final Shadow.Comparison comparison = new Shadow.Comparison();

  private static Socket socket(int port) {
    return Socket.bound(Protocol.TCP, IpAddress.ANY_IPV6, port).build();
  }

  private static Program assigning(Socket socket) {
    return context -> {
      int _ = context.assign(socket, 0);
      return Program.SK_PASS;
    };
  }

  private Verdict lookup(Program program, Program candidate, Program... more) {
    List<ProgramChain.Link> links = new ArrayList<>();
    links.add(new ProgramChain.Link("it", program, new Shadow(candidate, comparison)));
    for (Program next : more) {
      links.add(new ProgramChain.Link("next", next));
    }
    return new SkLookup(ProgramChain.of(links), ListenerTable.of(List.of()))
        .lookup(context.ipv4(Protocol.TCP, CLIENT, 5, CLIENT, 80, 0));
  }

  private Shadow.Comparison.Example example() {
    assertThat(comparison.examples()).hasSize(1);
    return comparison.examples().getFirst();
  }

  @Test
  void whoDecidesTheSameIsCounted() {
    assertThat(lookup(assigning(one), assigning(one)).socket()).isSameAs(one);
    assertThat(lookup(_ -> Program.SK_DROP, _ -> Program.SK_DROP).socket()).isNull();
    assertThat(comparison.same()).isEqualTo(2);
    assertThat(comparison.different()).isZero();
    assertThat(comparison.examples()).isEmpty();
  }

  @Test
  void whoSelectsAnotherSocketServesNothing() {
    assertThat(lookup(assigning(one), assigning(two)).socket()).isSameAs(one);
    assertThat(comparison.different()).isEqualTo(1);
    assertThat(example().selected()).isSameAs(one);
    assertThat(example().wouldSelect()).isSameAs(two);
    assertThat(example().tuple().remotePort()).isEqualTo(5);
  }

  @Test
  void whatItSelectsIsNotWhatTheNextProgramSees() {
    List<Socket> seen = new ArrayList<>();
    Verdict verdict =
        lookup(
            _ -> Program.SK_PASS,
            assigning(two),
            context -> {
              if (context.socket() != null) {
                seen.add(requireNonNull(context.socket()));
              }
              return Program.SK_PASS;
            });
    assertThat(verdict.socket()).isNull();
    assertThat(seen).isEmpty();
    assertThat(comparison.different()).isEqualTo(1);
  }

  @Test
  void whatItDropsIsServedAndTheDropOfTheOtherKeepsItsReason() {
    assertThat(lookup(assigning(one), _ -> Program.SK_DROP).socket()).isSameAs(one);
    assertThat(example().wouldPass()).isFalse();
    Verdict verdict =
        lookup(context -> context.drop(DropReason.MISS), context -> context.drop(DropReason.GROUP));
    assertThat(verdict).isEqualTo(Verdict.Drop.of(DropReason.MISS));
    assertThat(comparison.same()).isEqualTo(1);
  }

  @Test
  void itSeesWhatTheProgramBeforeHasSelected() {
    List<Socket> seen = new ArrayList<>();
    List<ProgramChain.Link> links =
        List.of(
            new ProgramChain.Link("first", assigning(one)),
            new ProgramChain.Link(
                "it",
                assigning(two),
                new Shadow(
                    context -> {
                      seen.add(requireNonNull(context.socket()));
                      return Program.SK_PASS;
                    },
                    comparison)));
    Verdict _ =
        new SkLookup(ProgramChain.of(links), ListenerTable.of(List.of()))
            .lookup(context.ipv4(Protocol.TCP, CLIENT, 5, CLIENT, 80, 0));
    assertThat(seen).containsExactly(one);
    assertThat(comparison.same()).as("the other one's assign is refused: EEXIST").isEqualTo(1);
  }

  @Test
  void whatItDoesWrongIsNobodysTrouble() {
    Socket udp = Socket.bound(Protocol.UDP, IpAddress.ANY_IPV6, 1).build();
    assertThat(
            lookup(
                    assigning(one),
                    context -> {
                      int _ = context.assign(udp, LookupContext.REPLACE);
                      context.observer().missed("web", context);
                      throw new IllegalStateException("of no use");
                    })
                .socket())
        .isSameAs(one);
    assertThat(lookup(assigning(one), _ -> 7).socket()).isSameAs(one);
    assertThat(comparison.failed()).isEqualTo(2);
    assertThat(comparison.different()).isEqualTo(2);
    assertThat(heard).isEmpty();
  }

  @Test
  void whoOnlyAsksIsNotCompared() {
    Verdict _ =
        new SkLookup(
                ProgramChain.of(
                    List.of(
                        new ProgramChain.Link(
                            "it", assigning(one), new Shadow(assigning(two), comparison)))),
                ListenerTable.of(List.of()))
            .lookup(context.ipv4(Protocol.TCP, CLIENT, 5, CLIENT, 80, 0), (_, _, _, _) -> {});
    assertThat(comparison.different()).isZero();
  }

  @Test
  void theLastDifferencesAreKept() {
    for (int i = 0; i < 100; i++) {
      Verdict _ = lookup(assigning(one), assigning(two));
    }
    assertThat(comparison.different()).isEqualTo(100);
    assertThat(comparison.examples()).hasSize(Shadow.Comparison.EXAMPLES);
  }
}
