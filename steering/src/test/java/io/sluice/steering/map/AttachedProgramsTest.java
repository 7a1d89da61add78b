package io.sluice.steering.map;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.Errno;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import io.sluice.steering.SkSkbProgram;
import io.sluice.steering.Socket;
import io.sluice.steering.map.AttachedPrograms.Slot;
import io.sluice.steering.stream.StreamParser;
import io.sluice.steering.stream.StreamVerdict;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Programs on maps; names in display names are the kernel's, of sockmap_basic.c. */
final class AttachedProgramsTest {
  private static final StreamParser PARSER = _ -> 1;
  private static final StreamVerdict VERDICT = _ -> 1;
  private static final StreamVerdict OTHER = _ -> 0;
  private static final int EBUSY = Errno.EBUSY.negative();
  private static final int EINVAL = Errno.EINVAL.negative();
  private static final int ENOENT = Errno.ENOENT.negative();

  private final SockMap map = new SockMap(4);
  private final SockHash hash = new SockHash(1, 4);
  private final Socket tcp = socket(Protocol.TCP, Socket.State.ESTABLISHED);

  private static Socket socket(Protocol protocol, Socket.State state) {
    return Socket.bound(protocol, IpAddress.parse("127.0.0.1"), 9).state(state).build();
  }

  private static SkSkbProgram programFor(Slot slot) {
    return slot == Slot.STREAM_PARSER ? PARSER : VERDICT;
  }

  @ParameterizedTest
  @CsvSource({
    "STREAM_VERDICT,SKB_VERDICT,false", "SKB_VERDICT,STREAM_VERDICT,false",
    "STREAM_VERDICT,SKB_VERDICT,true", "SKB_VERDICT,STREAM_VERDICT,true"
  })
  @DisplayName("sockmap skb_verdict attach (± link): the second of the two verdict slots is EBUSY")
  void theTwoVerdictSlotsExcludeEachOther(Slot first, Slot second, boolean isLink) {
    AttachedPrograms programs = map.programs();
    if (isLink) {
      assertThat(programs.link(first, VERDICT).create()).isZero();
      assertThat(programs.link(second, VERDICT).create()).isEqualTo(EBUSY);
    } else {
      assertThat(programs.attach(first, VERDICT, 0)).isZero();
      assertThat(programs.attach(second, VERDICT, 0)).isEqualTo(EBUSY);
    }
    assertThat(programs.detach(first, OTHER)).isEqualTo(isLink ? EBUSY : ENOENT);
  }

  @ParameterizedTest
  @EnumSource(Slot.class)
  @DisplayName("sockmap progs query")
  void progsQuery(Slot slot) {
    AttachedPrograms programs = hash.programs();
    assertThat(programs.query(slot)).isNull();
    assertThat(programs.attach(slot, programFor(slot), 0)).isZero();
    assertThat(programs.query(slot)).isSameAs(programFor(slot));
    assertThat(programs.detach(slot, programFor(slot))).isZero();
    assertThat(programs.query(slot)).isNull();
    assertThat(programs.detach(slot, programFor(slot))).isEqualTo(ENOENT);
  }

  @Test
  void attachingReplacesAndTheParserGoesWithEither() {
    AttachedPrograms programs = map.programs();
    assertThat(programs.attach(Slot.STREAM_PARSER, PARSER, 0)).isZero();
    assertThat(programs.attach(Slot.SKB_VERDICT, VERDICT, 0)).isZero();
    assertThat(programs.attach(Slot.SKB_VERDICT, OTHER, 0)).isZero();
    assertThat(programs.query(Slot.SKB_VERDICT)).isSameAs(OTHER);
    assertThat(programs.detach(Slot.SKB_VERDICT, VERDICT)).isEqualTo(ENOENT);
  }

  @Test
  void flagsAndProgramsOfTheOtherKindAreEinval() {
    AttachedPrograms programs = map.programs();
    assertThat(programs.attach(Slot.STREAM_VERDICT, VERDICT, 1)).isEqualTo(EINVAL);
    assertThat(programs.attach(Slot.STREAM_VERDICT, PARSER, 0)).isEqualTo(EINVAL);
    assertThat(programs.link(Slot.STREAM_PARSER, VERDICT).create()).isEqualTo(EINVAL);
  }

  @Test
  void aLinkHoldsItsSlot() {
    AttachedPrograms programs = map.programs();
    assertThat(programs.attach(Slot.STREAM_VERDICT, OTHER, 0)).isZero();
    AttachedPrograms.Link link = programs.link(Slot.STREAM_VERDICT, VERDICT);
    assertThat(link.create()).as("over a program without link").isZero();
    assertThat(programs.attach(Slot.STREAM_VERDICT, OTHER, 0)).isEqualTo(EBUSY);
    assertThat(programs.link(Slot.STREAM_VERDICT, OTHER).create()).isEqualTo(EBUSY);
    assertThat(programs.detach(Slot.STREAM_VERDICT, VERDICT)).isEqualTo(EBUSY);
    link.detach();
    assertThat(programs.query(Slot.STREAM_VERDICT)).isNull();
    assertThat(programs.attach(Slot.STREAM_VERDICT, OTHER, 0)).isZero();
  }

  @Test
  void aLinkIsUpdatedOnlyFromTheProgramThatIsExpected() {
    AttachedPrograms.Link link = map.programs().link(Slot.STREAM_VERDICT, VERDICT);
    assertThat(link.update(OTHER, null)).as("detached").isEqualTo(Errno.ENOLINK.negative());
    assertThat(link.create()).isZero();
    assertThat(link.update(OTHER, OTHER)).isEqualTo(Errno.EPERM.negative());
    assertThat(link.update(PARSER, VERDICT)).isEqualTo(EINVAL);
    assertThat(link.update(OTHER, VERDICT)).isZero();
    assertThat(map.programs().query(Slot.STREAM_VERDICT)).isSameAs(OTHER);
  }

  @Test
  void aSocketInheritsAtInsertionAndNothingLater() {
    assertThat(map.update(0, tcp)).isZero();
    assertThat(map.programs().attach(Slot.STREAM_VERDICT, VERDICT, 0)).isZero();
    assertThat(tcp.programs().running().verdict()).isNull();
    assertThat(map.update(1, tcp)).as("under another key").isZero();
    assertThat(tcp.programs().running().verdict()).isSameAs(VERDICT);
    assertThat(map.programs().detach(Slot.STREAM_VERDICT, VERDICT)).isZero();
    assertThat(tcp.programs().running().verdict()).isSameAs(VERDICT);
    assertThat(map.delete(0)).isZero();
    assertThat(tcp.programs().running().verdict()).as("not our entry").isSameAs(VERDICT);
    assertThat(map.delete(1)).isZero();
    assertThat(tcp.programs().running().verdict()).isNull();
  }

  @Test
  void aSocketThatHasAVerdictGetsNoSecond() {
    byte[] key = {1};
    assertThat(map.programs().attach(Slot.STREAM_VERDICT, VERDICT, 0)).isZero();
    assertThat(hash.programs().attach(Slot.SKB_VERDICT, VERDICT, 0)).isZero();
    assertThat(map.update(0, tcp)).isZero();
    assertThat(map.update(0, tcp)).as("same key").isEqualTo(EBUSY);
    assertThat(map.update(1, tcp)).as("other key").isEqualTo(EBUSY);
    assertThat(map.update(0, tcp, UpdateFlags.NOEXIST)).as("before EEXIST").isEqualTo(EBUSY);
    assertThat(map.update(1, tcp, UpdateFlags.EXIST)).as("before ENOENT").isEqualTo(EBUSY);
    assertThat(map.update(4, tcp)).as("after E2BIG").isEqualTo(Errno.E2BIG.negative());
    assertThat(hash.update(key, tcp)).as("skb_verdict is the same kind").isEqualTo(EBUSY);
    assertThat(map.lookup(1)).isNull();
    assertThat(hash.lookup(key)).isNull();
  }

  @Test
  void aMapWithoutProgramsOrWithAKindThatIsMissingIsFine() {
    assertThat(map.programs().attach(Slot.STREAM_VERDICT, VERDICT, 0)).isZero();
    assertThat(map.update(0, tcp)).isZero();
    assertThat(new SockMap(1).update(0, tcp)).isZero();
    assertThat(hash.programs().attach(Slot.STREAM_PARSER, PARSER, 0)).isZero();
    assertThat(hash.update(new byte[] {1}, tcp)).isZero();
    assertThat(tcp.programs().running().parser()).isSameAs(PARSER);
    hash.clear();
    assertThat(tcp.programs().running().parser()).isNull();
    assertThat(tcp.programs().running().verdict()).isSameAs(VERDICT);
  }

  @Test
  void aParserNeedsTcp() {
    Socket udp = socket(Protocol.UDP, Socket.State.ESTABLISHED);
    assertThat(map.programs().attach(Slot.STREAM_VERDICT, VERDICT, 0)).isZero();
    assertThat(map.update(0, udp)).as("a verdict only").isZero();
    assertThat(hash.programs().attach(Slot.STREAM_PARSER, PARSER, 0)).isZero();
    assertThat(hash.programs().attach(Slot.STREAM_VERDICT, VERDICT, 0)).isZero();
    Socket another = socket(Protocol.UDP, Socket.State.ESTABLISHED);
    assertThat(hash.update(new byte[] {1}, another)).isEqualTo(Errno.EOPNOTSUPP.negative());
    assertThat(hash.size()).isZero();
  }

  @Test
  void aListenerInheritsNothing() {
    Socket listener = socket(Protocol.TCP, Socket.State.LISTEN);
    assertThat(map.programs().attach(Slot.STREAM_VERDICT, VERDICT, 0)).isZero();
    assertThat(map.update(0, listener)).isZero();
    assertThat(map.update(1, listener)).as("so there is no conflict").isZero();
    assertThat(listener.programs().running().verdict()).isNull();
  }

  @Test
  void whatFailsGivesNoPrograms() {
    assertThat(map.programs().attach(Slot.STREAM_VERDICT, VERDICT, 0)).isZero();
    assertThat(map.update(0, tcp, UpdateFlags.EXIST)).isEqualTo(ENOENT);
    assertThat(tcp.programs().running().verdict()).isNull();
    SockHash full = new SockHash(1, 1);
    assertThat(full.update(new byte[] {1}, socket(Protocol.TCP, Socket.State.ESTABLISHED)))
        .isZero();
    assertThat(full.programs().attach(Slot.STREAM_VERDICT, VERDICT, 0)).isZero();
    assertThat(full.update(new byte[] {2}, tcp)).isEqualTo(Errno.E2BIG.negative());
    assertThat(tcp.programs().running().verdict()).isNull();
  }

  @Test
  void aReplacedSocketLosesItsPrograms() {
    assertThat(map.programs().attach(Slot.STREAM_VERDICT, VERDICT, 0)).isZero();
    assertThat(map.update(0, tcp)).isZero();
    Socket next = socket(Protocol.TCP, Socket.State.ESTABLISHED);
    assertThat(map.update(0, next)).isZero();
    assertThat(tcp.programs().running().verdict()).isNull();
    assertThat(next.programs().running().verdict()).isSameAs(VERDICT);
  }

  @ParameterizedTest
  @CsvSource({"STREAM_VERDICT,true", "SKB_VERDICT,false"})
  void aParserRunsForTheStreamVerdictOnly(Slot slot, boolean runs) {
    assertThat(map.programs().attach(Slot.STREAM_PARSER, PARSER, 0)).isZero();
    assertThat(map.programs().attach(slot, VERDICT, 0)).isZero();
    assertThat(map.update(0, tcp)).isZero();
    assertThat(tcp.programs().running().verdict()).isSameAs(VERDICT);
    assertThat(tcp.programs().running().parser() != null).isEqualTo(runs);
  }
}
