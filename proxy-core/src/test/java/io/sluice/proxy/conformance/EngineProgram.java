package io.sluice.proxy.conformance;

import io.sluice.proxy.conformance.Step.Condition;
import io.sluice.proxy.conformance.Step.HashKey;
import io.sluice.proxy.conformance.Step.Index;
import io.sluice.proxy.conformance.Step.Load;
import io.sluice.proxy.conformance.Step.Pick;
import io.sluice.steering.Family;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Program;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.map.SockHash;
import io.sluice.steering.map.SockMap;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/** A described program as a program of the engine. */
final class EngineProgram implements Program {
  private final Step.Source source;
  private final SockMap sockMap;
  private final SockHash sockHash;
  private final DataMaps data;
  private final Tally tally;
  private LookupContext context = new LookupContext();
  private ByteBuffer struct = Kernel.bytes(ContextStruct.BYTES);
  private long digest;
  private long result;

  EngineProgram(Step.Source source, SocketMaps maps, Tally tally) {
    this.source = source;
    this.sockMap = maps.sockMap;
    this.sockHash = maps.sockHash;
    this.data = maps.data;
    this.tally = tally;
  }

  /** Of the last run. */
  long digest() {
    return digest;
  }

  @Override
  public int run(LookupContext packet) {
    context = packet;
    struct = ContextStruct.of(packet);
    digest = packet.family().number();
    result = 0;
    steps(source.steps());
    return switch (source.answer()) {
      case PASS -> SK_PASS;
      case DROP -> SK_DROP;
      case BY_RESULT -> result == 0 ? SK_PASS : SK_DROP;
      case BY_DIGEST -> (int) digest & 1;
    };
  }

  private void steps(List<Step> steps) {
    steps.forEach(this::step);
  }

  private void step(Step step) {
    switch (step) {
      case Step.Observe(Load load) -> mix(load(load));
      case Step.When(Condition condition, List<Step> then, List<Step> otherwise) ->
          steps(holds(condition) ? then : otherwise);
      case Step.Assign(Pick.Null _, long flags) -> result(context.assign(null, flags));
      case Step.Assign(Pick.Current _, long flags) ->
          result(context.assign(context.socket(), flags));
      case Step.Assign(Pick pick, long flags) ->
          withSocket(pick, socket -> context.assign(socket, flags));
      case Step.PutSlot(Index index, Pick pick, long flags) ->
          withSocket(pick, socket -> sockMap.update(index(index), socket, flags));
      case Step.PutKey(HashKey key, Pick pick, long flags) ->
          withSocket(pick, socket -> sockHash.update(key(key), socket, flags));
      case Step.DeleteSlot(Index index) -> result(sockMap.delete(index(index)));
      case Step.DeleteKey(HashKey key) -> result(sockHash.delete(key(key)));
      case Step.Inspect _ -> inspect();
    }
  }

  private void withSocket(Pick pick, ToIntFunction<Socket> call) {
    Socket socket = find(pick);
    result(socket == null ? Step.NOTHING_THERE : call.applyAsInt(socket));
  }

  private @Nullable Socket find(Pick pick) {
    return switch (pick) {
      case Pick.Null _ -> null;
      case Pick.Current _ -> context.socket();
      case Pick.Slot(Index index) -> sockMap.lookup(index(index));
      case Pick.Hashed(HashKey key) -> sockHash.lookup(key(key));
      case Pick.Via(DataMaps.Kind kind, Load load, int mask) ->
          sockMap.lookup(data.find(kind, (int) load(load) & mask));
    };
  }

  private void inspect() {
    Socket socket = context.socket();
    if (socket == null) {
      mix(1);
      return;
    }
    mix(socket.boundIfindex());
    mix(socket.family().number());
    mix(socket.protocol() == Protocol.TCP ? 1 : 2);
    mix(socket.protocol().number());
    mix(socket.port());
    mix(socket.state().number());
    // Addresses lie in network order, and the kernel's loads are little-endian.
    ByteBuffer address = ByteBuffer.wrap(socket.address().toBytes()).order(ByteOrder.LITTLE_ENDIAN);
    int words = socket.family() == Family.IPV4 ? 1 : 4;
    for (int i = 0; i < words; i++) {
      mix(address.getInt() & 0xffff_ffffL);
    }
  }

  private boolean holds(Condition condition) {
    return switch (condition) {
      case Condition.Answered(int answer) -> result == answer;
      case Condition.Selected _ -> context.socket() != null;
      case Condition.Compare(Load load, var comparison, long constant) -> {
        long value = load(load);
        int unsigned = Long.compareUnsigned(value, constant);
        yield switch (comparison) {
          case EQ -> value == constant;
          case NE -> value != constant;
          case GT -> unsigned > 0;
          case GE -> unsigned >= 0;
          case LT -> unsigned < 0;
          case LE -> unsigned <= 0;
          case SET -> (value & constant) != 0;
          case SGT -> value > constant;
          case SGE -> value >= constant;
          case SLT -> value < constant;
          case SLE -> value <= constant;
        };
      }
    };
  }

  private long load(Load load) {
    return ContextStruct.load(struct, load);
  }

  private int index(Index index) {
    return (int) (load(index.load()) & index.mask()) + index.constant();
  }

  private byte[] key(HashKey key) {
    int first = key.ofProtocol() ? context.protocol().number() : key.constant();
    return key(first, (int) load(key.load()) & key.mask());
  }

  /** A key of the sockhash. */
  static byte[] key(int first, int second) {
    return Kernel.bytes(8).putInt(first).putInt(second).array();
  }

  private void result(int answer) {
    result = answer;
    tally.answered(answer);
    mix(answer);
  }

  private void mix(long value) {
    digest = Step.mix(digest, value);
  }
}
