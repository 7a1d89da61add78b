package io.sluice.steering;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Links, row by row as measured on Linux 6.18 (kernel-semantics 2.8). */
class AttachPointTest {
  private final AttachPoint point = new AttachPoint();
  private final List<String> ran = new ArrayList<>();
  private final Program a = program("a");
  private final Program b = program("b");
  private final Program c = program("c");

  private Program program(String name) {
    return new Program() { // not a lambda: each is an object of its own
      @Override
      public int run(LookupContext context) {
        ran.add(name);
        return SK_PASS;
      }
    };
  }

  private ProgramLink attached(String name, Program program) {
    ProgramLink link = ProgramLink.of(name, program);
    assertThat(point.attach(link, 0)).isZero();
    return link;
  }

  private List<String> run() {
    ran.clear();
    Verdict _ =
        new SkLookup(point, ListenerTable.EMPTY)
            .lookup(new LookupContext().ipv4(Protocol.TCP, 1, 1, 2, 2, 1));
    return List.copyOf(ran);
  }

  @Test
  void linksRunInTheOrderInWhichTheyWereAttached() {
    attached("1", a);
    attached("2", b);
    attached("3", c);

    assertThat(run()).containsExactly("a", "b", "c");
  }

  @Test
  void theSameProgramMayBeAttachedSeveralTimes() {
    attached("1", a);
    attached("2", a);

    assertThat(run()).containsExactly("a", "a");
    assertThat(point.query(64, 0).programIds()).hasSize(2).containsOnly(id(a));
  }

  @ParameterizedTest
  @CsvSource({"1", "4", "-1"})
  void attachTakesNoFlags(long flags) {
    assertThat(point.attach(ProgramLink.of("1", a), flags)).isEqualTo(Errno.EINVAL.negative());
    assertThat(run()).isEmpty();
  }

  @Test
  void theSixtyFifthLinkIsRefusedUntilOneIsDetachedAndThenGoesToTheEnd() {
    List<ProgramLink> links = IntStream.range(0, 64).mapToObj(i -> attached("p" + i, a)).toList();
    ProgramLink last = ProgramLink.of("last", b);

    assertThat(point.attach(last, 0)).isEqualTo(Errno.E2BIG.negative());
    assertThat(last.attachPoint()).isNull();
    assertThat(links.get(10).detach()).isZero();
    assertThat(point.attach(last, 0)).isZero();
    assertThat(run()).hasSize(64).last().isEqualTo("b");
    assertThat(run().subList(0, 63)).containsOnly("a");
  }

  @Test
  void aLinkIsAttachedOnce() {
    ProgramLink link = attached("1", a);

    assertThat(point.attach(link, 0)).isEqualTo(Errno.EBUSY.negative());
    link.close();
    assertThat(point.attach(link, 0)).isEqualTo(Errno.EBUSY.negative());
    assertThat(run()).isEmpty();
  }

  /** An update of a link of b, between a and c: what is tried, its answer, and what then runs. */
  @ParameterizedTest
  @CsvSource({
    "0, none,    0,     a x c",
    "4, b,       0,     a x c",
    "4, a,       EPERM, a b c",
    "0, b,       EINVAL, a b c",
    "0, a,       EINVAL, a b c",
    "4, none,    EBADF, a b c",
    "1, none,    EINVAL, a b c",
    "5, b,       EINVAL, a b c",
    "6, a,       EINVAL, a b c",
    "8, none,    EINVAL, a b c",
  })
  void anUpdateAnswersAsTheKernelDoes(long flags, String old, String answer, String then) {
    attached("1", a);
    ProgramLink link = attached("2", b);
    attached("3", c);

    int result = link.update(program("x"), flags, named(old));

    assertThat(result).isEqualTo(answer.equals("0") ? 0 : Errno.valueOf(answer).negative());
    assertThat(run()).containsExactly(then.split(" "));
  }

  private @Nullable Program named(String name) {
    return switch (name) {
      case "a" -> a;
      case "b" -> b;
      default -> null;
    };
  }

  @Test
  void anUpdateToTheSameProgramIsAllowed() {
    ProgramLink link = attached("1", a);

    assertThat(link.update(a, 0, null)).isZero();
    assertThat(link.update(a, AttachPoint.F_REPLACE, a)).isZero();
    assertThat(run()).containsExactly("a");
  }

  /** The other checks come first. */
  @ParameterizedTest
  @CsvSource({"0, none, ENOLINK", "4, b, ENOLINK", "4, a, EPERM", "0, b, EINVAL", "8, b, EINVAL"})
  void anUpdateOfADetachedLinkHasNoLink(long flags, String old, String answer) {
    ProgramLink link = attached("1", b);
    link.close();

    assertThat(link.update(c, flags, named(old))).isEqualTo(Errno.valueOf(answer).negative());
    assertThat(link.program()).isSameAs(b);
    assertThat(run()).isEmpty();
  }

  @Test
  void aLinkThatWasNeverAttachedCantBeUpdated() {
    assertThat(ProgramLink.of("1", a).update(b, 0, null)).isEqualTo(Errno.ENOLINK.negative());
  }

  @Test
  void detachingTwiceIsAllowedAndTheLinkStillTellsItsProgram() {
    ProgramLink first = attached("1", a);
    attached("2", b);

    assertThat(first.detach()).isZero();
    assertThat(first.detach()).isZero();
    assertThat(first.attachPoint()).isNull();
    assertThat(first.programId()).isEqualTo(id(a));
    assertThat(run()).containsExactly("b");
  }

  @Test
  void anAttachPointThatClosesDetachesItsLinks() {
    ProgramLink link = attached("1", a);

    point.close();

    assertThat(run()).isEmpty();
    assertThat(link.attachPoint()).isNull();
    assertThat(link.programId()).isEqualTo(id(a));
    assertThat(link.update(b, 0, null)).isEqualTo(Errno.ENOLINK.negative());
    assertThat(link.detach()).isZero();
    assertThat(point.attach(ProgramLink.of("2", b), 0)).isEqualTo(Errno.EBADF.negative());
    assertThat(point.query(1, 0).error()).isEqualTo(Errno.EBADF.negative());
  }

  /** How many ids fit, what the query answers, and how many it gives of 3. */
  @ParameterizedTest
  @CsvSource({"0, 0, 0", "1, ENOSPC, 1", "2, ENOSPC, 2", "3, 0, 3", "64, 0, 3"})
  void aQueryFillsWhatFitsAndTellsTheRealCount(int capacity, String error, int filled) {
    attached("1", a);
    attached("2", b);
    attached("3", c);

    AttachPoint.Programs programs = point.query(capacity, 0);

    assertThat(programs.error()).isEqualTo(error.equals("0") ? 0 : Errno.valueOf(error).negative());
    assertThat(programs.count()).isEqualTo(3);
    assertThat(programs.programIds())
        .containsExactlyElementsOf(List.of(id(a), id(b), id(c)).subList(0, filled));
  }

  @Test
  void aQueryOfNothingIsEmptyAndTakesNoFlags() {
    assertThat(point.query(5, 0)).isEqualTo(new AttachPoint.Programs(0, List.of(), 0));
    assertThat(point.query(5, 1).error()).isEqualTo(Errno.EINVAL.negative());
  }

  @Test
  void idsArePositiveAndOneForEachProgramEvenIfItsEqualsFails() {
    Program rude =
        new Program() {
          @Override
          public int run(LookupContext context) {
            return SK_PASS;
          }

          @Override
          public boolean equals(@Nullable Object other) {
            throw new IllegalStateException("equals");
          }

          @Override
          public int hashCode() {
            throw new IllegalStateException("hashCode");
          }
        };
    ProgramLink link = attached("1", rude);

    assertThat(link.programId()).isPositive().isNotEqualTo(id(a)).isEqualTo(link.programId());
    assertThat(link.update(a, AttachPoint.F_REPLACE, rude)).isZero();
    assertThat(link.programId()).isEqualTo(id(a));
  }

  @Test
  void aProgramCanChangeLinksWhileItRuns() {
    ProgramLink other = ProgramLink.of("other", b);
    ProgramLink own = ProgramLink.of("own", a);
    assertThat(point.attach(own, 0)).isZero();
    assertThat(
            own.update(
                _ -> {
                  ran.add("own");
                  own.close();
                  return point.attach(other, 0) == 0 ? Program.SK_PASS : Program.SK_DROP;
                },
                0,
                null))
        .isZero();

    assertThat(run()).containsExactly("own"); // this lookup runs what was there when it began
    assertThat(run()).containsExactly("b");
  }

  @Test
  void aProgramCantChangeThePacket() {
    LookupContext context = new LookupContext().ipv4(Protocol.TCP, 1, 1, 2, 2, 1);
    Program forger =
        seen -> {
          assertThatIllegalStateException()
              .isThrownBy(() -> seen.ipv4(Protocol.UDP, 9, 9, 9, 9, 9));
          return Program.SK_PASS;
        };
    attached("1", forger);

    Verdict _ = new SkLookup(point, ListenerTable.EMPTY).lookup(context);

    assertThat(context).hasToString("tcp 0.0.0.1:1 → 0.0.0.2:2");
    assertThat(context.ipv4(Protocol.UDP, 3, 3, 4, 4, 1)).hasToString("udp 0.0.0.3:3 → 0.0.0.4:4");
  }

  private static int id(Program program) {
    return ProgramLink.of("asked", program).programId();
  }
}
