package io.sluice.proxy.kernel;

import static io.sluice.proxy.linux.BpfAssembler.Register.R0;
import static io.sluice.proxy.linux.BpfAssembler.Register.R1;
import static io.sluice.proxy.linux.BpfAssembler.Register.R10;
import static io.sluice.proxy.linux.BpfAssembler.Register.R2;
import static io.sluice.proxy.linux.BpfAssembler.Register.R3;
import static io.sluice.proxy.linux.BpfAssembler.Register.R4;
import static io.sluice.proxy.linux.BpfAssembler.Register.R5;
import static io.sluice.proxy.linux.BpfAssembler.Register.R6;
import static io.sluice.proxy.linux.BpfAssembler.Register.R7;
import static io.sluice.proxy.linux.BpfAssembler.Register.R8;
import static io.sluice.proxy.linux.BpfAssembler.Register.R9;

import io.sluice.proxy.linux.BpfAssembler;
import io.sluice.proxy.linux.BpfAssembler.Alu;
import io.sluice.proxy.linux.BpfAssembler.If;
import io.sluice.proxy.linux.BpfAssembler.Register;
import io.sluice.proxy.linux.BpfAssembler.Size;
import io.sluice.proxy.linux.Linux;
import io.sluice.steering.reuseport.ReuseportGroup;
import io.sluice.steering.reuseport.TupleHash;

/**
 * From a label to a target's own listening socket: the label's {@linkplain Records record}, the
 * entry that the engine's hash leads to, the slot that the entry names. What has no socket there
 * goes to the relay. In C it would be
 *
 * <pre>
 *   u64 *record = lookup(records, &amp;label);
 *   u32 count = *record &gt;&gt; 32 &amp; 0xffffff, at = 0;
 *   if (!count) goto relay;
 *   if (no_reuseport) at = count;
 *   else if (count &gt; 1) at = (hash(ctx, *record &gt;&gt; 56 &amp; BY_SOURCE) &gt;&gt; 32) * count &gt;&gt; 32;
 *   u64 *entry = lookup(entries, (u32) *record + at);
 *   if (!*entry) { counts-&gt;elsewhere++; goto relay; }
 *   if (!(sk = lookup(slots, *entry - 1))) { counts-&gt;absent++; goto relay; }
 *   if (bpf_sk_assign(ctx, sk, 0)) { counts-&gt;unfit++; goto relay; }
 *   counts-&gt;offloaded[family]++;
 *   return SK_PASS;
 * </pre>
 */
final class SelectionCode {
  private SelectionCode() {}

  /**
   * Appends the code: R6 is the context, R7 the label's number and flag.
   *
   * @param relay the label to go to if no target's socket takes it
   */
  static void append(BpfAssembler code, TargetMaps maps, String relay) {
    code.move(R8, R7).alu(Alu.AND, R8, PolicyCode.NO_REUSEPORT);
    code.alu(Alu.AND, R7, PolicyCode.NO_REUSEPORT - 1);
    code.store(Size.WORD, R10, LookupProgram.INDEX, R7).moveMap(R1, maps.records().fd());
    LookupProgram.lookUp(code, LookupProgram.INDEX, relay);
    code.load(Size.DOUBLE, R9, R0, 0).moveMap(R1, maps.counts());
    LookupProgram.lookUp(code, LookupProgram.INDEX, relay);
    code.move(R7, R0).move(R1, R9).alu(Alu.RSH, R1, Records.COUNT_SHIFT);
    code.alu(Alu.AND, R1, 0xff_ffff).jump(If.EQ, R1, 0, relay);
    code.move(R2, R1).jump(If.NE, R8, 0, "entry"); // the one behind the others
    code.move(R2, 0).jump(If.EQ, R1, 1, "entry");
    hash(code);
    code.alu(Alu.RSH, R2, 32).alu(Alu.MUL, R2, R1).alu(Alu.RSH, R2, 32);
    code.label("entry").alu(Alu.LSH, R9, 32).alu(Alu.RSH, R9, 32).alu(Alu.ADD, R2, R9);
    code.store(Size.WORD, R10, LookupProgram.INDEX, R2).moveMap(R1, maps.entries().fd());
    LookupProgram.lookUp(code, LookupProgram.INDEX, relay);
    code.load(Size.WORD, R1, R0, 0).jump(If.EQ, R1, 0, "elsewhere");
    code.alu(Alu.SUB, R1, 1).store(Size.WORD, R10, LookupProgram.INDEX, R1);
    code.moveMap(R1, maps.slots());
    LookupProgram.lookUp(code, LookupProgram.INDEX, "absent");
    code.move(R9, R0).move(R1, R6).move(R2, R0).move(R3, 0).call(Linux.BPF_FUNC_SK_ASSIGN);
    code.move(R8, R0).move(R1, R9).call(Linux.BPF_FUNC_SK_RELEASE).jump(If.NE, R8, 0, "unfit");
    code.load(Size.WORD, R1, R6, SkLookupContext.FAMILY).jump(If.EQ, R1, Linux.AF_INET, "ipv4");
    count(code, TargetMaps.Count.OFFLOADED_IPV6).jump("passed").label("ipv4");
    count(code, TargetMaps.Count.OFFLOADED_IPV4).label("passed");
    code.move(R0, LookupProgram.SK_PASS).exit().label("elsewhere");
    count(code, TargetMaps.Count.ELSEWHERE).jump(relay).label("absent");
    count(code, TargetMaps.Count.ABSENT).jump(relay).label("unfit");
    count(code, TargetMaps.Count.UNFIT).jump(relay);
  }

  /** Adds 1 to a number of the value that R7 points to; this processor has it for itself. */
  private static BpfAssembler count(BpfAssembler code, TargetMaps.Count what) {
    int at = 8 * what.ordinal();
    return code.load(Size.DOUBLE, R1, R7, at).alu(Alu.ADD, R1, 1).store(Size.DOUBLE, R7, at, R1);
  }

  /** Leaves in R2 what {@link TupleHash} gives, in all of its bits; R1 and R9 stay. */
  private static void hash(BpfAssembler code) {
    long seeded = TupleHash.mix(ReuseportGroup.DEFAULT_SEED);
    code.load(Size.WORD, R3, R6, SkLookupContext.FAMILY);
    code.jump(If.EQ, R3, Linux.AF_INET, "hash4").moveLong(R2, seeded);
    mixIpv6(code, SkLookupContext.REMOTE_IP6);
    bySource(code);
    mixIpv6(code, SkLookupContext.LOCAL_IP6);
    code.jump("ports").label("hash4").moveLong(R2, TupleHash.mix(seeded)); // of 64 bits that are 0
    mixIpv4(code, SkLookupContext.REMOTE_IP4);
    bySource(code);
    mix(code);
    mixIpv4(code, SkLookupContext.LOCAL_IP4);
    code.label("ports").load(Size.HALF, R3, R6, SkLookupContext.REMOTE_PORT).toBigEndian(R3, 16);
    code.alu(Alu.LSH, R3, 16).load(Size.WORD, R4, R6, SkLookupContext.LOCAL_PORT);
    code.alu(Alu.OR, R3, R4).alu(Alu.XOR, R2, R3);
    mix(code);
    code.label("hashed");
  }

  private static void bySource(BpfAssembler code) {
    code.move(R3, R9).alu(Alu.RSH, R3, Records.FLAGS_SHIFT);
    code.jump(If.SET, R3, Records.BY_SOURCE, "hashed");
  }

  private static void mixIpv4(BpfAssembler code, int offset) {
    word(code, R3, offset).alu(Alu.XOR, R2, R3);
    mix(code);
  }

  private static void mixIpv6(BpfAssembler code, int offset) {
    for (int half = 0; half < 16; half += 8) {
      word(code, R3, offset + half).alu(Alu.LSH, R3, 32);
      word(code, R4, offset + half + 4).alu(Alu.OR, R3, R4).alu(Alu.XOR, R2, R3);
      mix(code);
    }
  }

  private static BpfAssembler word(BpfAssembler code, Register to, int offset) {
    return code.load(Size.WORD, to, R6, offset).toBigEndian(to, 32);
  }

  /** {@link TupleHash#mix} of R2. */
  private static void mix(BpfAssembler code) {
    code.moveLong(R4, 0x9e37_79b9_7f4a_7c15L).alu(Alu.ADD, R2, R4);
    fold(code, 30).moveLong(R4, 0xbf58_476d_1ce4_e5b9L).alu(Alu.MUL, R2, R4);
    fold(code, 27).moveLong(R4, 0x94d0_49bb_1331_11ebL).alu(Alu.MUL, R2, R4);
    fold(code, 31);
  }

  private static BpfAssembler fold(BpfAssembler code, int bits) {
    return code.move(R5, R2).alu(Alu.RSH, R5, bits).alu(Alu.XOR, R2, R5);
  }
}
