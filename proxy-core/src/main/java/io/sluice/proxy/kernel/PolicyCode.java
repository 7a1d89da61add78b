package io.sluice.proxy.kernel;

import static io.sluice.proxy.linux.BpfAssembler.Register.R0;
import static io.sluice.proxy.linux.BpfAssembler.Register.R1;
import static io.sluice.proxy.linux.BpfAssembler.Register.R10;
import static io.sluice.proxy.linux.BpfAssembler.Register.R2;
import static io.sluice.proxy.linux.BpfAssembler.Register.R6;
import static io.sluice.proxy.linux.BpfAssembler.Register.R7;
import static io.sluice.proxy.linux.BpfAssembler.Register.R8;
import static io.sluice.proxy.linux.BpfAssembler.Register.R9;

import io.sluice.config.ProgramSpec;
import io.sluice.proxy.linux.BpfAssembler;
import io.sluice.proxy.linux.BpfAssembler.Alu;
import io.sluice.proxy.linux.BpfAssembler.If;
import io.sluice.proxy.linux.BpfAssembler.Size;
import io.sluice.proxy.linux.Linux;
import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.Rule;
import io.sluice.steering.binding.Rule.Action;
import java.nio.ByteBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The configuration's programs, bindings and rules, as code of the kernel: which label a TCP
 * connection gets, or that it is dropped. One after the other, as {@code ProgramChain} runs them: a
 * selection that was made stays unless a rule replaces it, and beats any drop.
 *
 * <pre>
 *   R6  the context
 *   R7  what is selected: a label's number, perhaps with {@link #NO_REUSEPORT}; {@link #NOTHING}
 *   R8  who dropped first: {@link #drop} + 1; 0 for nobody
 * </pre>
 */
final class PolicyCode {
  static final int NOTHING = -1;

  /** The first target gets it, whatever the selection says. */
  static final int NO_REUSEPORT = 1 << 30;

  /** <pre>  0 prefix length  4 port, host order  8 address(be) </pre> */
  private static final int KEY = -32;

  private final BpfAssembler code;
  private final Policy policy;
  private final String announced;
  private int program;

  private PolicyCode(BpfAssembler code, Policy policy, String announced) {
    this.code = code;
    this.policy = policy;
    this.announced = announced;
  }

  /** Which counter a drop has, of one that program's rules said, or that a label had no socket. */
  static int drop(int program, boolean isMiss) {
    return 2 * program + (isMiss ? 1 : 0);
  }

  /**
   * Appends the code; R6 is the context. It goes on behind it with R7 and R8.
   *
   * @param announced the label to go to if somebody else may speak for the client
   */
  static void append(BpfAssembler code, Policy policy, String announced) {
    new PolicyCode(code, policy, announced).append();
  }

  private void append() {
    for (int i = 0; i < policy.announcers().size(); i++) {
      String other = "client" + i;
      inPrefix(
          policy.announcers().get(i),
          SkLookupContext.REMOTE_IP4,
          SkLookupContext.REMOTE_IP6,
          other);
      code.jump(announced).label(other);
    }
    code.move(R7, NOTHING).move(R8, 0);
    for (ProgramSpec each : policy.programs()) {
      switch (each) {
        case ProgramSpec.Bindings _ -> bindings();
        case ProgramSpec.Rules rules -> rules(rules.rules());
        case ProgramSpec.Custom _, ProgramSpec.Bpf _, ProgramSpec.Shadowed _ ->
            throw new IllegalArgumentException("program " + each.name() + " is none of ours");
      }
      code.label("end" + program);
      program++;
    }
  }

  // ---- bindings

  private void bindings() {
    String end = "end" + program;
    String ipv4 = "ipv4 " + program;
    String chosen = "chosen" + program;
    code.load(Size.WORD, R1, R6, SkLookupContext.FAMILY).jump(If.EQ, R1, Linux.AF_INET, ipv4);
    longestOf(Family.IPV6, policy.bindings().trie(Family.IPV6), SkLookupContext.LOCAL_IP6);
    code.jump(chosen).label(ipv4);
    longestOf(Family.IPV4, policy.bindings().trie(Family.IPV4), SkLookupContext.LOCAL_IP4);
    code.label(chosen).jump(If.EQ, R9, 0, end);
    code.alu(Alu.LSH, R9, 32).alu(Alu.RSH, R9, 32); // the label
    String there = "there" + program;
    code.store(Size.WORD, R10, LookupProgram.INDEX, R9)
        .moveMap(R1, policy.targets().records().fd());
    LookupProgram.lookUp(code, LookupProgram.INDEX, "missing" + program);
    code.load(Size.DOUBLE, R1, R0, 0)
        .alu(Alu.RSH, R1, Records.FLAGS_SHIFT)
        .alu(Alu.AND, R1, Records.MISSING)
        .jump(If.EQ, R1, 0, there)
        .label("missing" + program);
    dropped(true);
    code.label(there).jump(If.SGE, R7, 0, end).move(R7, R9);
  }

  /**
   * Leaves in R9 the value of the best binding: the longer prefix of two lookups, with the exact
   * port and with any, of which the exact port wins a tie; 0 if there is none.
   */
  private void longestOf(Family family, int trie, int address) {
    String any = "any" + family + program;
    String done = "done" + family + program;
    code.store(Size.WORD, R10, KEY, BindingMaps.PORT_BITS + family.bits());
    code.load(Size.WORD, R1, R6, SkLookupContext.LOCAL_PORT).store(Size.WORD, R10, KEY + 4, R1);
    for (int i = 0; i < family.bits() / 8; i += 4) {
      code.load(Size.WORD, R1, R6, address + i).store(Size.WORD, R10, KEY + 8 + i, R1);
    }
    code.move(R9, 0).moveMap(R1, trie);
    LookupProgram.lookUp(code, KEY, any);
    code.load(Size.DOUBLE, R9, R0, 0).label(any);
    code.store(Size.WORD, R10, KEY + 4, Binding.ANY_PORT).moveMap(R1, trie);
    LookupProgram.lookUp(code, KEY, done);
    code.load(Size.DOUBLE, R0, R0, 0).move(R1, R0).alu(Alu.RSH, R1, 32);
    code.move(R2, R9).alu(Alu.RSH, R2, 32).jump(If.EQ, R9, 0, "other" + done);
    code.jump(If.LE, R1, R2, done).label("other" + done).move(R9, R0).label(done);
  }

  // ---- rules

  private void rules(List<Rule> rules) {
    for (int i = 0; i < rules.size(); i++) {
      Rule rule = rules.get(i);
      if (rule.protocol() != Protocol.UDP) {
        String next = "next" + program + " " + i;
        rule(rule, next);
        code.label(next);
      }
    }
  }

  private void rule(Rule rule, String next) {
    // Never so; but without it nothing would lead past a rule that matches all.
    code.load(Size.WORD, R1, R6, SkLookupContext.FAMILY).jump(If.EQ, R1, 0, next);
    if (rule.ports() != null) {
      code.load(Size.WORD, R1, R6, SkLookupContext.LOCAL_PORT);
      inRange(rule.ports(), next);
    }
    if (rule.fromPorts() != null) {
      code.load(Size.HALF, R1, R6, SkLookupContext.REMOTE_PORT).toBigEndian(R1, 16);
      inRange(rule.fromPorts(), next);
    }
    inPrefix(rule.to(), SkLookupContext.LOCAL_IP4, SkLookupContext.LOCAL_IP6, next);
    inPrefix(rule.from(), SkLookupContext.REMOTE_IP4, SkLookupContext.REMOTE_IP6, next);
    if (rule.ifindex() != 0) {
      code.load(Size.WORD, R1, R6, SkLookupContext.INGRESS_IFINDEX)
          .jump(If.NE, R1, rule.ifindex(), next);
    }
    switch (rule.action()) {
      case Action.Drop _ -> dropped(false);
      case Action.Pass _ -> code.jump("end" + program);
      case Action.Assign it when !policy.labels().contains(it.label()) -> dropped(true);
      case Action.Assign(String label, boolean replace, boolean noReuseport) -> {
        String end = "end" + program;
        if (!replace) {
          code.jump(If.SGE, R7, 0, end);
        }
        int selected = policy.bindings().labelId(label) | (noReuseport ? NO_REUSEPORT : 0);
        code.move(R7, selected).jump(end);
      }
    }
  }

  private void inRange(PortRange ports, String next) {
    code.jump(If.LT, R1, ports.first(), next).jump(If.GT, R1, ports.last(), next);
  }

  private void inPrefix(@Nullable IpPrefix prefix, int offset4, int offset6, String next) {
    if (prefix == null) {
      return;
    }
    boolean ipv4 = prefix.family() == Family.IPV4;
    code.load(Size.WORD, R1, R6, SkLookupContext.FAMILY);
    code.jump(If.NE, R1, prefix.family().number(), next);
    ByteBuffer address = ByteBuffer.wrap(prefix.address().toBytes());
    for (int bit = 0; bit < prefix.length(); bit += 32) {
      int mask = -1 << Math.max(0, 32 - (prefix.length() - bit));
      code.load(Size.WORD, R1, R6, (ipv4 ? offset4 : offset6) + bit / 8).toBigEndian(R1, 32);
      code.alu(Alu.AND, R1, mask).moveLong(R2, address.getInt(bit / 8) & 0xffff_ffffL);
      code.jump(If.NE, R1, R2, next);
    }
  }

  /** The program drops; unless one has before, it is the one that is counted. */
  private void dropped(boolean isMiss) {
    String end = "end" + program;
    code.jump(If.NE, R8, 0, end).move(R8, 1 + drop(program, isMiss)).jump(end);
  }
}
