package io.sluice.steering;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Several programs: the tables that were measured on Linux 6.18. */
class ProgramChainTest {
  /** R is the ordinary listener; "rc" says that the second program's assign gave EEXIST. */
  private static final String MEASURED =
      """
                     | PASS    | PASS+A  | PASS+B!REPLACE | PASS+NULL!REPLACE | DROP    | DROP+A
      PASS           | R       | A       | B              | R                 | refused | refused
      PASS+A         | A       | A rc    | B              | A                 | A       | A rc
      PASS+B!REPLACE | B       | B rc    | B              | B                 | B       | B rc
      PASS+NULL!REPLACE | R    | A       | B              | R                 | refused | refused
      DROP           | refused | A       | B              | refused           | refused | refused
      DROP+A         | refused | A       | B              | refused           | refused | refused
      """;

  /** As above: programs in order, what each assign answered, and the outcome. */
  private static final String FURTHER =
      """
      PASS+A, DROP+B!REPLACE                                  | 0 0          | A
      PASS+A, PASS+B                                          | 0 EEXIST     | A
      PASS+A, PASS+A!REPLACE+NULL!REPLACE                     | 0 0 0        | A
      PASS+A, PASS+NULL!REPLACE, PASS+B                       | 0 0 EEXIST   | A
      DROP, PASS+A, PASS+NULL!REPLACE                         | 0 0          | A
      PASS+A+NULL!REPLACE                                     | 0 0          | R
      PASS+A, PASS+B!REPLACE, PASS+A!REPLACE                  | 0 0 0        | A
      DROP+A, PASS, PASS                                      | 0            | refused
      PASS+NULL                                               | 0            | R
      PASS+A+NULL                                             | 0 EEXIST     | A
      PASS+A+A                                                | 0 EEXIST     | A
      DROP                                                    |              | refused
      PASS                                                    |              | R
      """;

  private final List<Integer> answers = new ArrayList<>();

  static Stream<Arguments> measured() {
    List<String[]> rows = cells(MEASURED);
    String[] second = rows.getFirst();
    List<Arguments> cases = new ArrayList<>();
    for (Protocol protocol : Protocol.values()) {
      for (String[] row : rows.subList(1, rows.size())) {
        for (int i = 1; i < row.length; i++) {
          cases.add(Arguments.of(protocol, row[0], second[i], row[i]));
        }
      }
    }
    assertThat(cases).hasSize(2 * 36);
    return cases.stream();
  }

  @ParameterizedTest(name = "{0}: {1}, then {2}: {3}")
  @MethodSource("measured")
  void twoProgramsDoWhatTheKernelDoes(Protocol protocol, String first, String second, String cell) {
    Fixture fixture = new Fixture(protocol);

    Verdict verdict = fixture.lookup(List.of(first, second));

    assertThat(fixture.name(verdict)).isEqualTo(cell.replace(" rc", ""));
    if (cell.endsWith("rc")) {
      assertThat(answers.getLast()).isEqualTo(Errno.EEXIST.negative());
    } else {
      assertThat(answers).allMatch(answer -> answer == 0);
    }
  }

  static Stream<Arguments> further() {
    return Arrays.stream(Protocol.values())
        .flatMap(protocol ->
            cells(FURTHER).stream().map(row -> Arguments.of(protocol, row[0], row[1], row[2])));
  }

  @ParameterizedTest(name = "{0}: {1}: {3}")
  @MethodSource("further")
  void furtherMeasuredCasesHold(
      Protocol protocol, String programs, String expectedAnswers, String outcome) {
    Fixture fixture = new Fixture(protocol);

    Verdict verdict = fixture.lookup(List.of(programs.split(", ")));

    assertThat(fixture.name(verdict)).isEqualTo(outcome);
    assertThat(answers)
        .containsExactlyElementsOf(
            Arrays.stream(expectedAnswers.split(" "))
                .filter(word -> !word.isEmpty())
                .map(word -> word.equals("0") ? 0 : Errno.valueOf(word).negative())
                .toList());
  }

  @Test
  void aProgramSeesWhatEarlierPassingOnesSelected() {
    Fixture fixture = new Fixture(Protocol.TCP);
    List<@Nullable Socket> seen = new ArrayList<>();
    Program look =
        context -> {
          seen.add(context.socket());
          return Program.SK_PASS;
        };

    fixture.lookup(
        look,
        fixture.program("DROP+A"),
        look,
        fixture.program("PASS+A"),
        look,
        fixture.program("PASS+NULL!REPLACE"),
        look,
        fixture.program("DROP+B!REPLACE"),
        look);

    assertThat(seen).containsExactly(null, null, fixture.a, fixture.a, fixture.a);
  }

  @Test
  void aProgramSeesItsOwnSelectionAtOnce() {
    Fixture fixture = new Fixture(Protocol.TCP);
    List<@Nullable Socket> seen = new ArrayList<>();

    fixture.lookup(context -> {
      context.assign(fixture.a, 0);
      seen.add(context.socket());
      context.assign(fixture.b, LookupContext.REPLACE);
      seen.add(context.socket());
      context.assign(null, LookupContext.REPLACE);
      seen.add(context.socket());
      return Program.SK_PASS;
    });

    assertThat(seen).containsExactly(fixture.a, fixture.b, null);
  }

  @Test
  void aLookupStartsWithoutTheSelectionOfTheOneBefore() {
    Fixture fixture = new Fixture(Protocol.TCP);

    fixture.lookup(fixture.program("PASS+A"));

    assertThat(fixture.name(fixture.lookup(fixture.program("PASS")))).isEqualTo("R");
  }

  @Test
  void aThrowingProgramDropsAndTheOthersStillRun() {
    Fixture fixture = new Fixture(Protocol.TCP);
    Program thrower =
        context -> {
          context.assign(fixture.a, 0);
          throw new IllegalStateException("boom");
        };

    assertThat(fixture.lookup(thrower)).isEqualTo(Verdict.Drop.of(DropReason.PROGRAM_ERROR));
    assertThat(fixture.failures).singleElement().asString().contains("p0", "boom");
    assertThat(fixture.name(fixture.lookup(thrower, fixture.program("PASS+B")))).isEqualTo("B");
    assertThat(fixture.name(fixture.lookup(fixture.program("PASS+B"), thrower))).isEqualTo("B");
  }

  static Stream<Arguments> whatIsThrown() {
    return Stream.of(
        Arguments.of("an exception", failing(new IllegalStateException("boom"))),
        Arguments.of("an endless recursion", (Program) ProgramChainTest::recurse),
        Arguments.of("an error", failing(new OutOfMemoryError("boom"))),
        Arguments.of("a linkage error", failing(new NoClassDefFoundError("boom"))),
        Arguments.of("a checked exception", failing(new IOException("boom"))),
        Arguments.of("a thread's end", failing(new InterruptedException("boom"))));
  }

  @SuppressWarnings("InfiniteRecursion")
  private static int recurse(LookupContext context) {
    return recurse(context) + 1;
  }

  private static Program failing(Throwable failure) {
    return _ -> sneakilyThrow(failure);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("whatIsThrown")
  void whateverAProgramThrowsCostsThatLookupOnly(String what, Program thrower) {
    Fixture fixture = new Fixture(Protocol.UDP);

    assertThat(fixture.lookup(thrower)).isEqualTo(Verdict.Drop.of(DropReason.PROGRAM_ERROR));
    assertThat(fixture.failures).as(what).hasSize(1);
    assertThat(fixture.name(fixture.lookup(thrower, fixture.program("PASS+B")))).isEqualTo("B");
    assertThat(fixture.name(fixture.lookup(fixture.program("PASS")))).isEqualTo("R");
  }

  @Test
  void anObserverThatThrowsLeavesTheContextUsable() {
    Fixture fixture = new Fixture(Protocol.TCP);
    LookupContext context =
        new LookupContext(
            new LookupObserver() {
              @Override
              public void programFailed(String program, Throwable cause) {
                throw new IllegalStateException(program);
              }
            });
    SkLookup engine = fixture.engine(failing(new IOException("boom")));
    context.ipv4(Protocol.TCP, 1, 1, 0x7f000001, 7007, 1);

    assertThatIllegalStateException().isThrownBy(() -> engine.lookup(context));

    assertThat(context.ipv4(Protocol.TCP, 2, 2, 3, 3, 1)).hasToString("tcp 0.0.0.2:2 → 0.0.0.3:3");
  }

  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
  private static <E extends Throwable> int sneakilyThrow(Throwable failure) throws E {
    throw (E) failure;
  }

  @ParameterizedTest
  @EnumSource(Protocol.class)
  void anAnswerThatIsNeitherPassNorDropDrops(Protocol protocol) {
    Fixture fixture = new Fixture(protocol);
    for (int answer : new int[] {2, -1, Integer.MIN_VALUE, 256}) {
      Program odd =
          context -> {
            context.assign(fixture.a, 0);
            return answer;
          };

      assertThat(fixture.lookup(odd)).isEqualTo(Verdict.Drop.of(DropReason.PROGRAM_ERROR));
      assertThat(fixture.name(fixture.lookup(odd, fixture.program("PASS+B")))).isEqualTo("B");
      assertThat(fixture.failures.getLast()).contains("p0", String.valueOf(answer));
    }
  }

  @Test
  void theFirstDropsReasonIsReported() {
    Fixture fixture = new Fixture(Protocol.TCP);
    Program miss = context -> context.drop(DropReason.MISS);

    assertThat(fixture.lookup(miss, fixture.program("DROP")))
        .isEqualTo(Verdict.Drop.of(DropReason.MISS));
    assertThat(fixture.lookup(fixture.program("DROP"), miss))
        .isEqualTo(Verdict.Drop.of(DropReason.PROGRAM));
  }

  @Test
  void aReasonThatWasNotUsedToDropIsForgotten() {
    Fixture fixture = new Fixture(Protocol.TCP);
    Program indecisive =
        context -> {
          context.drop(DropReason.MISS);
          return Program.SK_PASS;
        };

    assertThat(fixture.lookup(indecisive, fixture.program("DROP")))
        .isEqualTo(Verdict.Drop.of(DropReason.PROGRAM));
  }

  @Test
  void theTraceHearsOfEveryProgramInOrder() {
    Fixture fixture = new Fixture(Protocol.TCP);
    List<String> heard = new ArrayList<>();

    fixture
        .engine(fixture.program("PASS+A"), fixture.program("DROP+B!REPLACE"))
        .lookup(
            fixture.context,
            (link, _, passed, selected) ->
                heard.add(link.name() + " " + passed + " " + fixture.name(selected)));

    assertThat(heard).containsExactly("p0 true A", "p1 false B");
  }

  @Test
  void failedAssignsAreReportedWithTheProgramsName() {
    Fixture fixture = new Fixture(Protocol.TCP);

    fixture.lookup(List.of("PASS+A", "PASS+B"));

    assertThat(fixture.assignErrors).containsExactly("p1 EEXIST");
  }

  @Test
  void sixtyFourProgramsRunAndSixtyFiveAreRefused() {
    ProgramChain.Link link = new ProgramChain.Link("p", _ -> Program.SK_PASS);

    assertThat(ProgramChain.of(Collections.nCopies(64, link)).links()).hasSize(64);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ProgramChain.of(Collections.nCopies(65, link)))
        .withMessageContaining("65");
  }

  private static List<String[]> cells(String table) {
    return table
        .lines()
        .map(line -> Arrays.stream(line.split("\\|", -1)).map(String::strip).toArray(String[]::new))
        .toList();
  }

  /** Sockets A and B for programs to assign, and the listener R, which a pass falls through to. */
  private final class Fixture {
    final Socket a;
    final Socket b;
    final Socket r;
    final List<String> failures = new ArrayList<>();
    final List<String> assignErrors = new ArrayList<>();
    final LookupContext context;
    private final Protocol protocol;

    Fixture(Protocol protocol) {
      this.protocol = protocol;
      this.a = socket("A", "127.0.0.5");
      this.b = socket("B", "127.0.0.6");
      this.r = socket("R", "127.0.0.1");
      this.context =
          new LookupContext(
              new LookupObserver() {
                @Override
                public void programFailed(String program, Throwable cause) {
                  failures.add(program + " " + cause);
                }

                @Override
                public void assignFailed(String program, Errno errno) {
                  assignErrors.add(program + " " + errno);
                }
              });
    }

    private Socket socket(String name, String address) {
      return Socket.bound(protocol, IpAddress.parse(address), 7007).attachment(name).build();
    }

    SkLookup engine(Program... programs) {
      List<ProgramChain.Link> links = new ArrayList<>();
      for (Program program : programs) {
        links.add(new ProgramChain.Link("p" + links.size(), program));
      }
      context.ipv4(protocol, 0x7f000001, 40000, 0x7f000001, 7007, 1);
      return new SkLookup(ProgramChain.of(links), ListenerTable.of(List.of(r)));
    }

    Verdict lookup(Program... programs) {
      return engine(programs).lookup(context);
    }

    Verdict lookup(List<String> programs) {
      return lookup(programs.stream().map(this::program).toArray(Program[]::new));
    }

    /** {@code PASS+A+NULL!REPLACE}: assigns A, then null with REPLACE, and passes. */
    Program program(String text) {
      List<String> words = List.of(text.split("\\+"));
      return context -> {
        for (String word : words.subList(1, words.size())) {
          Socket candidate = word.startsWith("A") ? a : word.startsWith("B") ? b : null;
          int flags = word.endsWith("!REPLACE") ? LookupContext.REPLACE : 0;
          answers.add(context.assign(candidate, flags));
        }
        return words.getFirst().equals("PASS") ? Program.SK_PASS : Program.SK_DROP;
      };
    }

    String name(Verdict verdict) {
      return switch (verdict) {
        case Verdict.Assign(Socket socket) -> name(socket);
        case Verdict.Pass(Socket listener) -> name(listener);
        case Verdict.Drop _ -> "refused";
      };
    }

    String name(@Nullable Socket socket) {
      return socket == null ? "none" : String.valueOf(socket.attachment());
    }
  }
}
