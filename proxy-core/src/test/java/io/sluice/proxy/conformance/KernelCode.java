package io.sluice.proxy.conformance;

import static io.sluice.proxy.linux.BpfAssembler.Alu.ADD;
import static io.sluice.proxy.linux.BpfAssembler.Alu.AND;
import static io.sluice.proxy.linux.BpfAssembler.Alu.MUL;
import static io.sluice.proxy.linux.BpfAssembler.If.EQ;
import static io.sluice.proxy.linux.BpfAssembler.If.NE;
import static io.sluice.proxy.linux.BpfAssembler.Register.R0;
import static io.sluice.proxy.linux.BpfAssembler.Register.R1;
import static io.sluice.proxy.linux.BpfAssembler.Register.R10;
import static io.sluice.proxy.linux.BpfAssembler.Register.R2;
import static io.sluice.proxy.linux.BpfAssembler.Register.R3;
import static io.sluice.proxy.linux.BpfAssembler.Register.R4;
import static io.sluice.proxy.linux.BpfAssembler.Register.R6;
import static io.sluice.proxy.linux.BpfAssembler.Register.R7;
import static io.sluice.proxy.linux.BpfAssembler.Register.R8;
import static io.sluice.proxy.linux.BpfAssembler.Register.R9;

import io.sluice.proxy.conformance.Step.Condition;
import io.sluice.proxy.conformance.Step.HashKey;
import io.sluice.proxy.conformance.Step.Index;
import io.sluice.proxy.conformance.Step.Load;
import io.sluice.proxy.conformance.Step.Pick;
import io.sluice.proxy.linux.BpfAssembler;
import io.sluice.proxy.linux.BpfAssembler.Register;
import io.sluice.proxy.linux.BpfAssembler.Size;
import io.sluice.proxy.linux.Linux;
import java.util.List;

/**
 * A described program as code for the kernel.
 *
 * <p>R6 holds the context, R7 the digest, R8 a socket, R9 what a lookup is given up with; the stack
 * the last result at −8, and keys at −24 and −40. A socket that a map gave is released in the same
 * step, as the verifier demands.
 */
final class KernelCode {
  private static final int RESULT = -8;
  private static final int KEY = -24;
  private static final int OTHER_KEY = -40;

  private final BpfAssembler code = new BpfAssembler();
  private final int sockMap;
  private final int sockHash;
  private final DataMaps data;
  private int labels;

  private KernelCode(SocketMaps maps) {
    this.sockMap = maps.kernelMap;
    this.sockHash = maps.kernelHash;
    this.data = maps.data;
  }

  /**
   * Assembles.
   *
   * @param digest an ARRAY with one value of 8 bytes, which receives the digest
   */
  static byte[] of(Step.Source source, SocketMaps maps, int digest) {
    KernelCode made = new KernelCode(maps);
    BpfAssembler code = made.code;
    code.move(R6, R1);
    made.load(R7, new Load(ContextStruct.FAMILY, 4));
    code.store(Size.DOUBLE, R10, RESULT, 0);
    made.steps(source.steps());
    made.end(source.answer(), digest);
    return code.assemble();
  }

  private void end(Step.Answer answer, int digest) {
    switch (answer) {
      case PASS -> code.move(R8, 1);
      case DROP -> code.move(R8, 0);
      case BY_RESULT -> {
        code.move(R8, 0).load(Size.DOUBLE, R1, R10, RESULT).jump(NE, R1, 0, "end").move(R8, 1);
      }
      case BY_DIGEST -> code.move(R8, R7).alu(AND, R8, 1);
    }
    code.label("end").store(Size.WORD, R10, KEY, 0).moveMap(R1, digest);
    code.move(R2, R10).alu(ADD, R2, KEY).call(Linux.BPF_FUNC_MAP_LOOKUP_ELEM);
    code.jump(EQ, R0, 0, "exit").store(Size.DOUBLE, R0, 0, R7);
    code.label("exit").move(R0, R8).exit();
  }

  private void steps(List<Step> steps) {
    steps.forEach(this::step);
  }

  private void step(Step step) {
    switch (step) {
      case Step.Observe(Load load) -> {
        load(R0, load);
        mix();
      }
      case Step.When(Condition condition, List<Step> then, List<Step> otherwise) -> {
        String otherwiseLabel = label();
        String end = label();
        unless(condition, otherwiseLabel);
        steps(then);
        code.jump(end).label(otherwiseLabel);
        steps(otherwise);
        code.label(end);
      }
      case Step.Assign(Pick pick, long flags) ->
          withSocket(
              pick,
              true,
              () -> {
                code.move(R1, R6).move(R2, R8).moveLong(R3, flags);
                code.call(Linux.BPF_FUNC_SK_ASSIGN);
              });
      case Step.PutSlot(Index index, Pick pick, long flags) ->
          withSocket(
              pick,
              false,
              () -> {
                index(OTHER_KEY, index);
                put(sockMap, flags);
              });
      case Step.PutKey(HashKey key, Pick pick, long flags) ->
          withSocket(
              pick,
              false,
              () -> {
                key(OTHER_KEY, key);
                put(sockHash, flags);
              });
      case Step.DeleteSlot(Index index) -> {
        index(KEY, index);
        map(sockMap, KEY);
        code.call(Linux.BPF_FUNC_MAP_DELETE_ELEM);
        result();
      }
      case Step.DeleteKey(HashKey key) -> {
        key(KEY, key);
        map(sockHash, KEY);
        code.call(Linux.BPF_FUNC_MAP_DELETE_ELEM);
        result();
      }
      case Step.Inspect _ -> inspect();
    }
  }

  /** Calls with a socket in R8, then releases it; what isn't there has a result of its own. */
  private void withSocket(Pick pick, boolean nullIsTaken, Runnable call) {
    String end = label();
    String missing = label();
    boolean acquired = false;
    switch (pick) {
      case Pick.Null _ -> code.move(R8, 0);
      case Pick.Current _ -> code.load(Size.DOUBLE, R8, R6, 0);
      case Pick.Slot(Index index) -> {
        index(KEY, index);
        map(sockMap, KEY);
        acquired = true;
      }
      case Pick.Hashed(HashKey key) -> {
        key(KEY, key);
        map(sockHash, KEY);
        acquired = true;
      }
      case Pick.Via(DataMaps.Kind kind, Load load, int mask) -> {
        boolean trie = kind == DataMaps.Kind.LPM_TRIE;
        load(R1, load);
        code.alu(AND, R1, mask).store(Size.WORD, R10, trie ? KEY + 4 : KEY, R1);
        if (trie) {
          code.store(Size.WORD, R10, KEY, 32);
        }
        map(data.kernelMap(kind), KEY);
        code.call(Linux.BPF_FUNC_MAP_LOOKUP_ELEM).jump(EQ, R0, 0, missing);
        code.load(Size.DOUBLE, R1, R0, 0).store(Size.WORD, R10, KEY, R1);
        map(sockMap, KEY);
        acquired = true;
      }
    }
    if (acquired) {
      code.call(Linux.BPF_FUNC_MAP_LOOKUP_ELEM).move(R8, R0);
    }
    boolean mayMiss = acquired || !nullIsTaken;
    if (mayMiss) {
      code.jump(EQ, R8, 0, missing);
    }
    call.run();
    result();
    if (acquired) {
      code.move(R1, R8).call(Linux.BPF_FUNC_SK_RELEASE);
    }
    if (mayMiss) {
      code.jump(end).label(missing).move(R0, Step.NOTHING_THERE);
      result();
      code.label(end);
    }
  }

  private void put(int map, long flags) {
    map(map, OTHER_KEY);
    code.move(R3, R8).moveLong(R4, flags).call(Linux.BPF_FUNC_MAP_UPDATE_ELEM);
  }

  private void map(int fd, int key) {
    code.moveMap(R1, fd).move(R2, R10).alu(ADD, R2, key);
  }

  private void index(int at, Index index) {
    load(R1, index.load());
    code.alu(AND, R1, index.mask()).alu(ADD, R1, index.constant());
    code.store(Size.WORD, R10, at, R1);
  }

  private void key(int at, HashKey key) {
    if (key.ofProtocol()) {
      load(R1, new Load(ContextStruct.PROTOCOL, 4));
      code.store(Size.WORD, R10, at, R1);
    } else {
      code.store(Size.WORD, R10, at, key.constant());
    }
    load(R1, key.load());
    code.alu(AND, R1, key.mask()).store(Size.WORD, R10, at + 4, R1);
  }

  /** Keeps R0 as the last result, and mixes it in. */
  private void result() {
    code.store(Size.DOUBLE, R10, RESULT, R0);
    mix();
  }

  private void mix() {
    code.alu(MUL, R7, Step.MULTIPLIER).alu(ADD, R7, R0);
  }

  /** Reads what all sockets have, and the address of the socket's own family. */
  private void inspect() {
    String none = label();
    String ipv4 = label();
    String end = label();
    code.load(Size.DOUBLE, R9, R6, 0).jump(EQ, R9, 0, none);
    for (int offset :
        new int[] {0, 4, 8, 12, 44, 72}) { // device, family, type, protocol, port, state
      code.load(Size.WORD, R0, R9, offset);
      mix();
    }
    code.load(Size.WORD, R1, R9, 4).jump(EQ, R1, Linux.AF_INET, ipv4);
    for (int offset = 28; offset < 44; offset += 4) {
      code.load(Size.WORD, R0, R9, offset);
      mix();
    }
    code.jump(end).label(ipv4).load(Size.WORD, R0, R9, 24);
    mix();
    code.jump(end).label(none).move(R0, 1);
    mix();
    code.label(end);
  }

  private void unless(Condition condition, String label) {
    switch (condition) {
      case Condition.Compare(Load load, BpfAssembler.If comparison, long constant) -> {
        String holds = label();
        load(R1, load);
        code.moveLong(R2, constant).jump(comparison, R1, R2, holds).jump(label).label(holds);
      }
      case Condition.Answered(int result) ->
          code.load(Size.DOUBLE, R1, R10, RESULT).jump(NE, R1, result, label);
      case Condition.Selected _ -> code.load(Size.DOUBLE, R1, R6, 0).jump(EQ, R1, 0, label);
    }
  }

  private void load(Register register, Load load) {
    Size size =
        switch (load.bytes()) {
          case 1 -> Size.BYTE;
          case 2 -> Size.HALF;
          default -> Size.WORD;
        };
    code.load(size, register, R6, load.offset());
  }

  private String label() {
    return "l" + labels++;
  }
}
