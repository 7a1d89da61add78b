package io.sluice.steering;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What becomes of a selection. */
class SkLookupTest {
  private static final int LOCAL = 0x7f000001;

  @ParameterizedTest
  @EnumSource(Protocol.class)
  void anAssignedSocketWithoutGroupIsTaken(Protocol protocol) {
    Socket a = socket(protocol, "127.0.0.5", "A");

    assertThat(lookup(protocol, assigning(a, 0), socket(protocol, "127.0.0.1", "R")))
        .isEqualTo(new Verdict.Assign(a));
  }

  @ParameterizedTest
  @EnumSource(Protocol.class)
  void theGroupOfAnAssignedSocketSelects(Protocol protocol) {
    Socket a = socket(protocol, "127.0.0.5", "A");
    Socket b = socket(protocol, "127.0.0.6", "B");
    a.group((_, _) -> b.assign());

    assertThat(lookup(protocol, assigning(a, 0))).isEqualTo(new Verdict.Assign(b));
  }

  @ParameterizedTest
  @EnumSource(Protocol.class)
  void noReuseportTakesExactlyTheAssignedSocketAndDoesNotAskTheGroup(Protocol protocol) {
    Socket a = socket(protocol, "127.0.0.5", "A");
    a.group((_, _) -> {
      throw new AssertionError("asked");
    });

    assertThat(lookup(protocol, assigning(a, LookupContext.NO_REUSEPORT)))
        .isEqualTo(new Verdict.Assign(a));
  }

  @Test
  void noReuseportGoesWithItsSelection() {
    Socket a = socket(Protocol.TCP, "127.0.0.5", "A");
    Socket b = socket(Protocol.TCP, "127.0.0.6", "B");
    a.group((_, _) -> b.assign());
    Program failing =
        context -> {
          context.assign(b, LookupContext.NO_REUSEPORT); // EEXIST: neither socket nor flag change
          return Program.SK_PASS;
        };

    assertThat(lookup(Protocol.TCP, List.of(assigning(a, 0), failing)))
        .isEqualTo(new Verdict.Assign(b));
    assertThat(
            lookup(
                Protocol.TCP,
                List.of(assigning(a, LookupContext.NO_REUSEPORT), _ -> Program.SK_DROP)))
        .isEqualTo(new Verdict.Assign(a));
  }

  @ParameterizedTest
  @EnumSource(Protocol.class)
  void aSelectedGroupThatRefusesNeverFallsThrough(Protocol protocol) {
    Socket a = socket(protocol, "127.0.0.5", "A");
    a.group((_, _) -> Verdict.Drop.of(DropReason.GROUP));

    assertThat(lookup(protocol, assigning(a, 0), socket(protocol, "127.0.0.1", "R")))
        .isEqualTo(Verdict.Drop.of(DropReason.GROUP));
  }

  @ParameterizedTest
  @EnumSource(Protocol.class)
  void anExactListenersGroupThatRefusesNeverFallsThroughToTheWildcard(Protocol protocol) {
    Socket exact = socket(protocol, "127.0.0.1", "exact");
    exact.group((_, _) -> Verdict.Drop.of(DropReason.GROUP));

    assertThat(lookup(protocol, _ -> Program.SK_PASS, socket(protocol, "0.0.0.0", "any"), exact))
        .isEqualTo(Verdict.Drop.of(DropReason.GROUP));
  }

  @ParameterizedTest
  @EnumSource(Protocol.class)
  void anOrdinaryListenersGroupSelects(Protocol protocol) {
    Socket listener = socket(protocol, "0.0.0.0", "R");
    Socket other = socket(protocol, "0.0.0.0", "S");
    listener.group(
        (_, hit) -> hit == listener ? other.assign() : Verdict.Drop.of(DropReason.GROUP));

    assertThat(lookup(protocol, _ -> Program.SK_PASS, listener)).isEqualTo(new Verdict.Pass(other));
  }

  @Test
  void withoutProgramsAndListenersAPassFindsNothing() {
    Verdict verdict = lookup(Protocol.TCP, List.of());

    assertThat(verdict).isEqualTo(new Verdict.Pass(null));
  }

  @Test
  void aDropRefusesAlthoughThereIsAListener() {
    assertThat(lookup(Protocol.TCP, _ -> Program.SK_DROP, socket(Protocol.TCP, "127.0.0.1", "R")))
        .isEqualTo(Verdict.Drop.of(DropReason.PROGRAM));
  }

  private static Program assigning(@Nullable Socket socket, int flags) {
    return context -> {
      context.assign(socket, flags);
      return Program.SK_PASS;
    };
  }

  private static Socket socket(Protocol protocol, String address, String name) {
    return Socket.bound(protocol, IpAddress.parse(address), 7007).attachment(name).build();
  }

  private static Verdict lookup(Protocol protocol, Program program, Socket... listeners) {
    return lookup(protocol, List.of(program), listeners);
  }

  private static Verdict lookup(Protocol protocol, List<Program> programs, Socket... listeners) {
    SkLookup engine =
        new SkLookup(
            ProgramChain.of(
                programs.stream().map(program -> new ProgramChain.Link("p", program)).toList()),
            ListenerTable.of(List.of(listeners)));
    return engine.lookup(new LookupContext().ipv4(protocol, LOCAL, 40000, LOCAL, 7007, 1));
  }
}
