package io.sluice.steering.stream;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.Tuple;
import io.sluice.steering.map.AttachedPrograms.Slot;
import io.sluice.steering.map.SockHash;
import io.sluice.steering.map.SockMap;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Verdicts and redirects. Names in display names are the kernel's, of sockmap_listen.c. */
final class SkSkbTest {
  private static final StreamParser FOUR = _ -> 4;
  private static final byte[] KEY = {1, 2, 3, 4};

  private final Socket from = established();
  private final Socket to = established();
  private final SockMap map = new SockMap(4);
  private final SockHash hash = new SockHash(4, 4);
  private final Log log = new Log();
  private int verdicts;

  /** What a receiver got. */
  private static final class Log implements SkSkb.Receiver {
    final List<String> messages = new ArrayList<>();
    final List<@Nullable Socket> targets = new ArrayList<>();
    final List<Boolean> ingress = new ArrayList<>();
    final List<String> drops = new ArrayList<>();
    final Deque<SkSkb.Delivery> answers = new ArrayDeque<>();

    @Override
    public SkSkb.Delivery deliver(
        ByteBuffer bytes, int offset, int length, @Nullable Socket target, boolean isIngress) {
      SkSkb.Delivery answer = answers.isEmpty() ? SkSkb.Delivery.TAKEN : answers.remove();
      if (answer == SkSkb.Delivery.TAKEN) {
        byte[] copy = new byte[length];
        bytes.get(offset, copy);
        messages.add(new String(copy, StandardCharsets.UTF_8));
        targets.add(target);
        ingress.add(isIngress);
      }
      return answer;
    }

    @Override
    public void dropped(MessageDrop why, int lengthBytes) {
      drops.add(why.word() + " " + lengthBytes);
    }
  }

  private static Socket established() {
    return Socket.bound(Protocol.TCP, IpAddress.parse("127.0.0.1"), 9)
        .state(Socket.State.ESTABLISHED)
        .build();
  }

  private static LookupContext connection() {
    return new LookupContext()
        .of(Protocol.TCP, IpAddress.parse("192.0.2.1"), 5000, IpAddress.parse("192.0.2.2"), 80, 0);
  }

  private StreamVerdict counting(StreamVerdict verdict) {
    return context -> {
      verdicts++;
      return verdict.run(context);
    };
  }

  private SkSkb skb(@Nullable StreamParser parser, @Nullable StreamVerdict verdict) {
    return new SkSkb(parser == null ? null : new Strparser(parser, 100, 0), verdict, connection());
  }

  private int receive(SkSkb skb, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return skb.receive(ByteBuffer.wrap(bytes), 0, bytes.length, 0, log);
  }

  @ParameterizedTest
  @CsvSource({"false,0", "false,1", "true,0", "true,1"})
  @DisplayName("test_skb_redir_to_connected: verdict PASS once, the byte arrives")
  void redirToConnected(boolean byKey, int flags) {
    assertThat(map.update(2, to)).isZero();
    assertThat(hash.update(KEY, to)).isZero();
    SkSkb skb =
        skb(
            null,
            counting(it -> byKey ? it.redirect(hash, KEY, flags) : it.redirect(map, 2, flags)));
    assertThat(receive(skb, "a")).isEqualTo(1);
    assertThat(verdicts).isEqualTo(1);
    assertThat(log.messages).containsExactly("a");
    assertThat(log.targets).containsExactly(to);
    assertThat(log.ingress).containsExactly(flags == MessageContext.F_INGRESS);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @DisplayName("test_skb_redir_to_connected_with_link: a link's programs run as well")
  void redirToConnectedWithLink(boolean isLink) {
    assertThat(map.update(2, to)).isZero();
    StreamVerdict verdict = counting(it -> it.redirect(map, 2, 0));
    if (isLink) {
      assertThat(map.programs().link(Slot.STREAM_VERDICT, verdict).create()).isZero();
    } else {
      assertThat(map.programs().attach(Slot.STREAM_VERDICT, verdict, 0)).isZero();
    }
    assertThat(map.update(0, from)).isZero();
    assertThat(receive(SkSkb.of(from, 100, 0, connection()), "a")).isEqualTo(1);
    assertThat(log.targets).containsExactly(to);
    assertThat(verdicts).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  @DisplayName("test_skb_redir_to_listening: DROP once")
  void redirToListening(int flags) {
    Socket listener = Socket.bound(Protocol.TCP, IpAddress.parse("127.0.0.1"), 9).build();
    assertThat(map.update(2, listener)).isZero();
    SkSkb skb = skb(FOUR, counting(it -> it.redirect(map, 2, flags)));
    assertThat(receive(skb, "aaaa")).isEqualTo(4);
    assertThat(verdicts).isEqualTo(1);
    assertThat(log.messages).isEmpty();
    assertThat(log.drops).containsExactly("verdict 4");
  }

  @Test
  @DisplayName("test_skb_redir_partial: the parser returns 3 of 4 bytes, exactly 3 arrive")
  void redirPartial() {
    assertThat(map.update(2, to)).isZero();
    SkSkb skb = skb(message -> 3, counting(it -> it.redirect(map, 2, 0)));
    assertThat(receive(skb, "xabc")).isEqualTo(3);
    assertThat(log.messages).containsExactly("xab");
    assertThat(log.targets).containsExactly(to);
  }

  @Test
  @DisplayName("test_destroy_orphan_child: a listener in a map with programs closes cleanly")
  void destroyOrphanChild() {
    assertThat(map.programs().attach(Slot.STREAM_PARSER, FOUR, 0)).isZero();
    assertThat(map.programs().attach(Slot.STREAM_VERDICT, counting(_ -> 1), 0)).isZero();
    Socket listener = Socket.bound(Protocol.TCP, IpAddress.parse("127.0.0.1"), 9).build();
    assertThat(map.update(0, listener)).isZero();
    assertThat(listener.programs().running().verdict()).as("no effect").isNull();
    listener.close();
    assertThat(map.lookup(0)).isNull();
  }

  @Test
  void passWithoutRedirectGoesToTheReceivingSocketAndDropIsSilent() {
    SkSkb skb = skb(FOUR, it -> it.message().at(0) == 'b' ? 0 : it.message().at(0) == 'c' ? 7 : 1);
    assertThat(receive(skb, "aaaabbbbccccdddd")).isEqualTo(16);
    assertThat(log.messages).containsExactly("aaaa", "dddd");
    assertThat(log.targets).containsExactly(null, null);
    assertThat(log.drops).containsExactly("verdict 4", "verdict 4");
  }

  @Test
  void theVerdictSeesItsOwnMessageAndNothingElse() {
    List<String> seen = new ArrayList<>();
    SkSkb skb =
        skb(
            FOUR,
            it -> {
              seen.add(it.message().length() + "" + (char) it.message().at(0));
              return 1;
            });
    assertThat(receive(skb, "AAAABBBBCCCC")).isEqualTo(12);
    assertThat(seen).containsExactly("4A", "4B", "4C");
  }

  @Test
  void theContextHasTheReceivingSocketsAddresses() {
    SkSkb skb =
        skb(
            FOUR,
            it -> {
              Tuple tuple = it.copyTo(new Tuple());
              return tuple.remotePort() == 5000
                      && tuple.localPort() == 80
                      && tuple.remoteLow() == 0xc0000201L
                      && tuple.localLow() == 0xc0000202L
                  ? 1
                  : 0;
            });
    assertThat(receive(skb, "aaaa")).isEqualTo(4);
    assertThat(log.messages).hasSize(1);
  }

  @ParameterizedTest
  @CsvSource({
    "2,2", "2,4", "2,-1", // flags
    "1,0", "4,0", "-1,0", // an empty slot, and out of range
  })
  void aRedirectThatFailsAnswersDropAndNotesNothing(int index, long flags) {
    assertThat(map.update(2, to)).isZero();
    SkSkb passing = skb(FOUR, it -> 1 + it.redirect(map, index, flags));
    assertThat(receive(passing, "aaaa")).isEqualTo(4);
    assertThat(log.targets).as("plain pass").containsExactly((Socket) null);
    SkSkb returning = skb(FOUR, it -> it.redirect(map, index, flags));
    assertThat(receive(returning, "aaaa")).isEqualTo(4);
    assertThat(log.drops).containsExactly("verdict 4");
  }

  @Test
  void dropAfterARedirectDropsAndAFailedRedirectLeavesTheOneBefore() {
    assertThat(map.update(2, to)).isZero();
    SkSkb dropping = skb(FOUR, it -> 1 - it.redirect(map, 2, 0));
    assertThat(receive(dropping, "aaaa")).isEqualTo(4);
    assertThat(log.messages).isEmpty();
    SkSkb twice = skb(FOUR, it -> it.redirect(map, 2, 0) + it.redirect(map, 3, 0));
    assertThat(receive(twice, "aaaa")).isEqualTo(4);
    assertThat(log.targets).containsExactly(to);
  }

  @Test
  void aTargetOfOneMessageIsForgottenAtTheNext() {
    assertThat(map.update(2, to)).isZero();
    SkSkb skb = skb(FOUR, it -> it.message().at(0) == 'a' ? it.redirect(map, 2, 0) : 1);
    assertThat(receive(skb, "aaaabbbb")).isEqualTo(8);
    assertThat(log.targets).containsExactly(to, null);
  }

  @ParameterizedTest
  @EnumSource(Socket.State.class)
  void whichTcpStatesARedirectTakes(Socket.State state) {
    assertThat(map.update(2, to)).isZero();
    to.state(state);
    SkSkb skb = skb(FOUR, it -> it.redirect(map, 2, 0));
    assertThat(receive(skb, "aaaa")).isEqualTo(4);
    assertThat(log.messages).hasSize(state == Socket.State.LISTEN ? 0 : 1);
  }

  @ParameterizedTest
  @CsvSource({"ESTABLISHED,1", "CLOSE,0"})
  void udpIsATargetWhenItIsConnected(Socket.State state, int messages) {
    Socket udp = Socket.bound(Protocol.UDP, IpAddress.parse("127.0.0.1"), 9).state(state).build();
    assertThat(map.update(2, udp)).isZero();
    SkSkb skb = skb(FOUR, it -> it.redirect(map, 2, 0));
    assertThat(receive(skb, "aaaa")).isEqualTo(4);
    assertThat(log.messages).hasSize(messages);
  }

  @Test
  void aClosedTargetAndADeletedOneAreMissing() {
    assertThat(map.update(2, to)).isZero();
    assertThat(map.update(3, to)).isZero();
    assertThat(map.delete(3)).isZero();
    to.close();
    SkSkb skb = skb(FOUR, it -> it.redirect(map, 2, 0) | it.redirect(map, 3, 0));
    assertThat(receive(skb, "aaaa")).isEqualTo(4);
    assertThat(log.drops).containsExactly("verdict 4");
  }

  @Test
  void aVerdictThatThrowsCostsOneMessage() {
    SkSkb skb =
        skb(
            FOUR,
            it -> {
              if (it.message().at(0) == 'b') {
                throw new IllegalStateException("b");
              }
              return 1;
            });
    assertThat(receive(skb, "aaaabbbbcccc")).isEqualTo(12);
    assertThat(log.messages).containsExactly("aaaa", "cccc");
    assertThat(log.drops).containsExactly("verdict_error 4");
  }

  @Test
  void aBusyReceiverHoldsTheStreamUpAndTheMessageIsNotJudgedAgain() {
    SkSkb skb = skb(FOUR, counting(_ -> 1));
    log.answers.add(SkSkb.Delivery.TAKEN);
    log.answers.add(SkSkb.Delivery.BUSY);
    assertThat(receive(skb, "aaaabbbb")).isEqualTo(4);
    assertThat(receive(skb, "bbbbcccc")).isEqualTo(8);
    assertThat(log.messages).containsExactly("aaaa", "bbbb", "cccc");
    assertThat(verdicts).isEqualTo(3);
  }

  @Test
  void aReceiverMayAskForAnotherVerdict() {
    assertThat(map.update(2, to)).isZero();
    assertThat(map.update(3, from)).isZero();
    SkSkb skb = skb(FOUR, it -> it.redirect(map, 2 + verdicts++, 0));
    log.answers.add(SkSkb.Delivery.ANOTHER);
    assertThat(receive(skb, "aaaa")).isEqualTo(4);
    assertThat(log.targets).containsExactly(from);
  }

  @Test
  void aParsersErrorComesAfterTheMessagesBeforeIt() {
    SkSkb skb = skb(message -> message.at(0) == 'x' ? -71 : 4, _ -> 1);
    assertThat(receive(skb, "aaaaxaaaa")).isEqualTo(4);
    assertThat(log.messages).containsExactly("aaaa");
    assertThat(log.drops).containsExactly("malformed 5");
    assertThat(receive(skb, "aaaa")).as("never again").isZero();
    skb.end(4, log);
    assertThat(log.drops).hasSize(1);
  }

  @Test
  void anEndInsideAMessageIsCounted() {
    SkSkb skb = skb(FOUR, _ -> 1);
    assertThat(receive(skb, "aaaab")).isEqualTo(4);
    skb.end(1, log);
    assertThat(log.drops).containsExactly("truncated 1");
  }

  @Test
  void withoutParserWhatComesAtOnceIsAMessage() {
    SkSkb skb = skb(null, counting(_ -> 1));
    assertThat(receive(skb, "abc")).isEqualTo(3);
    assertThat(receive(skb, "abcdef")).isEqualTo(6);
    assertThat(log.messages).containsExactly("abc", "abcdef");
  }
}
