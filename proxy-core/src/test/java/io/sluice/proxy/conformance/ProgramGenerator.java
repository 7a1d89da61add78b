package io.sluice.proxy.conformance;

import io.sluice.proxy.conformance.Step.Answer;
import io.sluice.proxy.conformance.Step.Condition;
import io.sluice.proxy.conformance.Step.HashKey;
import io.sluice.proxy.conformance.Step.Index;
import io.sluice.proxy.conformance.Step.Load;
import io.sluice.proxy.conformance.Step.Pick;
import io.sluice.proxy.linux.BpfAssembler.If;
import io.sluice.steering.Errno;
import io.sluice.steering.LookupContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;

/** Makes up programs. */
final class ProgramGenerator {
  private static final int[] ANSWERS = {
    0,
    Step.NOTHING_THERE,
    Errno.EEXIST.negative(),
    Errno.EINVAL.negative(),
    Errno.ESOCKTNOSUPPORT.negative(),
    Errno.EPROTOTYPE.negative(),
    Errno.EAFNOSUPPORT.negative(),
    Errno.E2BIG.negative(),
    Errno.ENOENT.negative(),
  };

  private final Random random;
  private final Consumer<LookupContext> packets;
  private final boolean writes;
  private final LookupContext sample = new LookupContext();

  /**
   * A generator.
   *
   * @param packets that programs are to meet: they compare with what is in them
   * @param writes whether programs change the socket maps
   */
  ProgramGenerator(Random random, Consumer<LookupContext> packets, boolean writes) {
    this.random = random;
    this.packets = packets;
    this.writes = writes;
  }

  Step.Source program() {
    Answer answer = Answer.values()[random.nextInt(Answer.values().length)];
    // Most pass, or few selections would be seen.
    return new Step.Source(steps(2 + random.nextInt(6), 3), oneIn(2) ? Answer.PASS : answer);
  }

  private List<Step> steps(int count, int depth) {
    List<Step> steps = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      steps.add(step(depth));
    }
    return List.copyOf(steps);
  }

  private Step step(int depth) {
    if (writes && oneIn(6)) {
      return write();
    }
    return switch (random.nextInt(depth > 0 ? 18 : 12)) {
      case 0, 1 -> new Step.Observe(load());
      case 2 -> new Step.Inspect();
      case 3, 4, 5, 6, 7, 8, 9, 10, 11 -> new Step.Assign(pick(), assignFlags());
      default ->
          new Step.When(
              condition(),
              steps(1 + random.nextInt(2), depth - 1),
              steps(random.nextInt(3), depth - 1));
    };
  }

  private Step write() {
    return switch (random.nextInt(6)) {
      case 0 -> new Step.DeleteSlot(index());
      case 1 -> new Step.DeleteKey(key());
      case 2, 3 -> new Step.PutSlot(index(), pick(), updateFlags());
      default -> new Step.PutKey(key(), pick(), updateFlags());
    };
  }

  private Condition condition() {
    return switch (random.nextInt(6)) {
      case 0 -> new Condition.Selected();
      case 1 -> new Condition.Answered(ANSWERS[random.nextInt(ANSWERS.length)]);
      default -> {
        Load load = load();
        packets.accept(sample);
        long constant = ContextStruct.load(ContextStruct.of(sample), load);
        If comparison = If.values()[random.nextInt(If.values().length)];
        yield new Condition.Compare(load, comparison, oneIn(8) ? random.nextLong() : constant);
      }
    };
  }

  /** Any that the verifier takes. */
  private Load load() {
    if (oneIn(3)) {
      int[] fields = {
        ContextStruct.FAMILY,
        ContextStruct.PROTOCOL,
        ContextStruct.LOCAL_IP4,
        ContextStruct.LOCAL_PORT,
        ContextStruct.REMOTE_PORT,
      };
      return new Load(fields[random.nextInt(fields.length)], 4);
    }
    int bytes = 1 << random.nextInt(3);
    int first = ContextStruct.FAMILY / bytes;
    return new Load(
        (first + random.nextInt(ContextStruct.END_OF_FIELDS / bytes - first)) * bytes, bytes);
  }

  private Pick pick() {
    return switch (random.nextInt(13)) {
      case 10, 11, 12 -> via();
      case 0 -> new Pick.Null();
      case 1 -> new Pick.Current();
      case 2, 3, 4 -> new Pick.Hashed(key());
      default -> new Pick.Slot(index());
    };
  }

  private Pick via() {
    DataMaps.Kind kind = DataMaps.Kind.values()[random.nextInt(3)];
    // A trie is asked for words, all but the bit that the kernel's code would sign-extend.
    int mask = kind == DataMaps.Kind.LPM_TRIE ? Integer.MAX_VALUE : 127;
    return new Pick.Via(kind, load(), mask);
  }

  private Index index() {
    return new Index(random.nextInt(SocketMaps.SLOTS), load(), oneIn(3) ? 3 : 0);
  }

  private HashKey key() {
    int protocol = random.nextBoolean() ? 6 : 17;
    return new HashKey(!oneIn(4), protocol, load(), SocketMaps.KEYS - 1);
  }

  private long assignFlags() {
    return switch (random.nextInt(16)) {
      case 0 -> 4;
      case 1 -> Long.MIN_VALUE;
      case 2 -> random.nextLong();
      // TEST_RUN refuses a socket of a group, so often the group isn't to be asked.
      default -> random.nextInt(2) + (oneIn(3) ? 0 : LookupContext.NO_REUSEPORT);
    };
  }

  private long updateFlags() {
    return oneIn(8) ? 3L + random.nextInt(3) : random.nextInt(3);
  }

  private boolean oneIn(int n) {
    return random.nextInt(n) == 0;
  }
}
