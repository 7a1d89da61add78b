package io.sluice.proxy.conformance;

import static io.sluice.proxy.linux.BpfAssembler.Alu.ADD;
import static io.sluice.proxy.linux.BpfAssembler.Alu.MUL;
import static io.sluice.proxy.linux.BpfAssembler.If.EQ;
import static io.sluice.proxy.linux.BpfAssembler.If.GT;
import static io.sluice.proxy.linux.BpfAssembler.If.NE;
import static io.sluice.proxy.linux.BpfAssembler.Register.R0;
import static io.sluice.proxy.linux.BpfAssembler.Register.R1;
import static io.sluice.proxy.linux.BpfAssembler.Register.R10;
import static io.sluice.proxy.linux.BpfAssembler.Register.R2;
import static io.sluice.proxy.linux.BpfAssembler.Register.R3;
import static io.sluice.proxy.linux.BpfAssembler.Register.R4;
import static io.sluice.proxy.linux.BpfAssembler.Register.R6;
import static io.sluice.proxy.linux.BpfAssembler.Register.R7;

import io.sluice.proxy.linux.BpfAssembler;
import io.sluice.proxy.linux.BpfAssembler.Size;
import io.sluice.proxy.linux.Linux;
import io.sluice.steering.reuseport.ReuseportContext;
import io.sluice.steering.reuseport.ReuseportProgram;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * A program of a reuseport group, described, for the kernel and for the engine: it reads its
 * context and a datagram's 8 bytes, selects from the socket maps by constant keys, and answers.
 */
final class GroupCode implements ReuseportProgram {
  /** From the sockmap by the key's first word, or from the sockhash. */
  private record Select(boolean fromHash, int first, int second, int flags) {}

  private static final int ETH_PROTOCOL = 20;
  private static final int IP_PROTOCOL = 24;
  private static final int BIND_INANY = 28;
  private static final int LEN = 16;
  private static final int UDP_HEADER_BYTES = 8;
  private static final int PAYLOAD_BYTES = 8;
  private static final int KEY = -16;

  private final SocketMaps maps;
  private final List<Select> selects = new ArrayList<>();
  private final int answer;
  private long digest;
  private boolean hasRun;
  private boolean hasSelected;

  /** A program that takes no part: what a group without a program does. */
  static GroupCode none(SocketMaps maps) {
    return new GroupCode(maps, 1);
  }

  /**
   * Makes one up.
   *
   * @param selects whether it looks into the maps
   */
  static GroupCode random(SocketMaps maps, Random random, boolean selects) {
    GroupCode made = new GroupCode(maps, random.nextInt(5) > 0 ? 1 : random.nextInt(3));
    int count = selects ? random.nextInt(4) : 0;
    for (int i = 0; i < count; i++) {
      boolean fromHash = random.nextInt(3) == 0;
      int first = fromHash ? (random.nextBoolean() ? 6 : 17) : random.nextInt(SocketMaps.SLOTS + 1);
      made.selects.add(
          new Select(fromHash, first, random.nextInt(SocketMaps.KEYS), random.nextInt()));
    }
    return made;
  }

  private GroupCode(SocketMaps maps, int answer) {
    this.maps = maps;
    this.answer = answer;
  }

  /** Forgets the last run. */
  void reset() {
    hasRun = false;
    hasSelected = false;
  }

  boolean hasRun() {
    return hasRun;
  }

  boolean hasSelected() {
    return hasSelected;
  }

  /** Of the last run. */
  long digest() {
    return digest;
  }

  byte[] assemble(int digestMap) {
    BpfAssembler code = new BpfAssembler().move(R6, R1);
    code.load(Size.WORD, R7, R6, ETH_PROTOCOL).load(Size.WORD, R0, R6, IP_PROTOCOL);
    mix(code).load(Size.WORD, R0, R6, BIND_INANY);
    mix(code).load(Size.WORD, R1, R6, IP_PROTOCOL).jump(NE, R1, 17, "select");
    code.load(Size.WORD, R0, R6, LEN);
    mix(code).load(Size.DOUBLE, R1, R6, 0).load(Size.DOUBLE, R2, R6, 8).move(R3, R1);
    code.alu(ADD, R3, UDP_HEADER_BYTES + PAYLOAD_BYTES).jump(GT, R3, R2, "select");
    code.load(Size.DOUBLE, R0, R1, UDP_HEADER_BYTES);
    mix(code).label("select");
    for (Select select : selects) {
      code.store(Size.WORD, R10, KEY, select.first).store(Size.WORD, R10, KEY + 4, select.second);
      code.move(R1, R6).moveMap(R2, select.fromHash ? maps.kernelHash : maps.kernelMap);
      code.move(R3, R10).alu(ADD, R3, KEY).move(R4, select.flags);
      mix(code.call(Linux.BPF_FUNC_SK_SELECT_REUSEPORT));
    }
    code.store(Size.WORD, R10, KEY, 0).moveMap(R1, digestMap);
    code.move(R2, R10).alu(ADD, R2, KEY).call(Linux.BPF_FUNC_MAP_LOOKUP_ELEM);
    code.jump(EQ, R0, 0, "end").store(Size.DOUBLE, R0, 0, R7);
    return code.label("end").move(R0, answer).exit().assemble();
  }

  private static BpfAssembler mix(BpfAssembler code) {
    return code.alu(MUL, R7, Step.MULTIPLIER).alu(ADD, R7, R0);
  }

  @Override
  public int run(ReuseportContext context) {
    hasRun = true;
    digest = Short.toUnsignedLong(Short.reverseBytes((short) context.ethProtocol()));
    mix(context.ipProtocol());
    mix(context.bindInany() ? 1 : 0);
    if (context.ipProtocol() == 17) {
      mix(context.len());
      long payload = 0;
      for (int i = PAYLOAD_BYTES - 1; i >= 0; i--) {
        payload = payload << 8 | context.payload().at(i);
      }
      mix(payload);
    }
    for (Select select : selects) {
      int result =
          select.fromHash
              ? context.selectReuseport(
                  maps.sockHash, EngineProgram.key(select.first, select.second), select.flags)
              : context.selectReuseport(maps.sockMap, select.first, select.flags);
      hasSelected |= result == 0;
      mix(result);
    }
    return answer;
  }

  private void mix(long value) {
    digest = Step.mix(digest, value);
  }

  @Override
  public String toString() {
    return "group program " + selects + " answers " + answer;
  }
}
