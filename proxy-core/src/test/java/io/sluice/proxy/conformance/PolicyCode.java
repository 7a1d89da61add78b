package io.sluice.proxy.conformance;

import static io.sluice.proxy.linux.BpfAssembler.Alu.ADD;
import static io.sluice.proxy.linux.BpfAssembler.Alu.AND;
import static io.sluice.proxy.linux.BpfAssembler.Alu.LSH;
import static io.sluice.proxy.linux.BpfAssembler.If.EQ;
import static io.sluice.proxy.linux.BpfAssembler.If.GT;
import static io.sluice.proxy.linux.BpfAssembler.If.LT;
import static io.sluice.proxy.linux.BpfAssembler.If.NE;
import static io.sluice.proxy.linux.BpfAssembler.Register.R0;
import static io.sluice.proxy.linux.BpfAssembler.Register.R1;
import static io.sluice.proxy.linux.BpfAssembler.Register.R10;
import static io.sluice.proxy.linux.BpfAssembler.Register.R2;
import static io.sluice.proxy.linux.BpfAssembler.Register.R3;
import static io.sluice.proxy.linux.BpfAssembler.Register.R6;
import static io.sluice.proxy.linux.BpfAssembler.Register.R7;
import static io.sluice.proxy.linux.BpfAssembler.Register.R8;
import static io.sluice.proxy.linux.BpfAssembler.Register.R9;

import io.sluice.proxy.linux.BpfAssembler;
import io.sluice.proxy.linux.BpfAssembler.Size;
import io.sluice.proxy.linux.Linux;
import io.sluice.steering.Errno;
import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.LookupContext;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.Rule;
import io.sluice.steering.binding.Rule.Action;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Bindings and rules as one would write them for the kernel: bindings by two lookups in an
 * LPM_TRIE, with the exact port and with any, of which the longer prefix wins and the exact port a
 * tie; rules one after the other. A label's slot in the sockmap is {@code 2 · label + (udp ? 1 :
 * 0)}.
 */
final class PolicyCode {
  /** <pre>  0 prefix length  4 protocol(2)  6 port(2)  8 address(be) </pre> */
  private static final int KEY = -32;

  private static final int FIXED_BITS = 32;
  private static final int SLOT = -8;
  private static final int REMOTE_IP4 = 16;
  private static final int REMOTE_IP6 = 20;
  private static final int LOCAL_IP6 = 44;
  private static final int INGRESS_IFINDEX = 64;

  private final BpfAssembler code = new BpfAssembler().move(R6, R1);

  /** How long a trie's keys are. */
  static int keyBytes(Family family) {
    return 8 + family.bits() / 8;
  }

  /** A binding's key. */
  static byte[] key(Binding binding) {
    byte[] address = binding.prefix().address().toBytes();
    return ByteBuffer.allocate(8 + address.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(FIXED_BITS + binding.prefix().length())
        .putShort((short) binding.protocol().number())
        .putShort((short) binding.port())
        .put(address)
        .array();
  }

  /** A binding's value: the label's number, then the length of its prefix. */
  static byte[] value(Binding binding, int label) {
    return Kernel.bytes(8).putInt(label).putInt(binding.prefix().length()).array();
  }

  /** A program over a trie for each family. */
  static byte[] bindings(int trie4, int trie6, int sockMap) {
    PolicyCode made = new PolicyCode();
    BpfAssembler code = made.code;
    code.load(Size.WORD, R1, R6, ContextStruct.FAMILY).jump(EQ, R1, Linux.AF_INET, "v4");
    made.longestOf(Family.IPV6, trie6, LOCAL_IP6);
    code.jump("chosen").label("v4");
    made.longestOf(Family.IPV4, trie4, ContextStruct.LOCAL_IP4);
    code.label("chosen").jump(EQ, R9, 0, "pass").load(Size.WORD, R7, R9, 0);
    made.assign(sockMap, 0, "only");
    code.label("pass").move(R0, 1).exit();
    return code.assemble();
  }

  /** Leaves in R9 the value of the best binding, or NULL. */
  private void longestOf(Family family, int trie, int address) {
    String any = "any" + family;
    String end = "end" + family;
    code.store(Size.WORD, R10, KEY, FIXED_BITS + family.bits());
    code.load(Size.WORD, R1, R6, ContextStruct.PROTOCOL).store(Size.HALF, R10, KEY + 4, R1);
    code.load(Size.WORD, R1, R6, ContextStruct.LOCAL_PORT).store(Size.HALF, R10, KEY + 6, R1);
    for (int i = 0; i < family.bits() / 8; i += 4) {
      code.load(Size.WORD, R1, R6, address + i).store(Size.WORD, R10, KEY + 8 + i, R1);
    }
    code.moveMap(R1, trie).move(R2, R10).alu(ADD, R2, KEY).call(Linux.BPF_FUNC_MAP_LOOKUP_ELEM);
    code.move(R7, R0).store(Size.HALF, R10, KEY + 6, Binding.ANY_PORT);
    code.moveMap(R1, trie).move(R2, R10).alu(ADD, R2, KEY).call(Linux.BPF_FUNC_MAP_LOOKUP_ELEM);
    code.move(R9, R0).jump(EQ, R7, 0, end).jump(EQ, R9, 0, any);
    code.load(Size.WORD, R1, R7, 4).load(Size.WORD, R2, R9, 4).jump(LT, R1, R2, end);
    code.label(any).move(R9, R7).label(end);
  }

  /** A program of rules. */
  static byte[] rules(List<Rule> rules, ToIntFunction<String> labels, int sockMap) {
    PolicyCode made = new PolicyCode();
    for (int i = 0; i < rules.size(); i++) {
      made.rule(rules.get(i), "next" + i, labels, sockMap);
      made.code.label("next" + i);
    }
    made.code.move(R0, 1).exit();
    return made.code.assemble();
  }

  private void rule(Rule rule, String next, ToIntFunction<String> labels, int sockMap) {
    // Never so; but without it nothing would lead past a rule that matches all.
    code.load(Size.WORD, R1, R6, ContextStruct.FAMILY).jump(EQ, R1, 0, next);
    Protocol protocol = rule.protocol();
    if (protocol != null) {
      code.load(Size.WORD, R1, R6, ContextStruct.PROTOCOL).jump(NE, R1, protocol.number(), next);
    }
    code.load(Size.WORD, R1, R6, ContextStruct.LOCAL_PORT);
    inRange(rule.ports(), next);
    code.load(Size.HALF, R1, R6, ContextStruct.REMOTE_PORT).toBigEndian(R1, 16);
    inRange(rule.fromPorts(), next);
    inPrefix(rule.to(), ContextStruct.LOCAL_IP4, LOCAL_IP6, next);
    inPrefix(rule.from(), REMOTE_IP4, REMOTE_IP6, next);
    if (rule.ifindex() != 0) {
      code.load(Size.WORD, R1, R6, INGRESS_IFINDEX).jump(NE, R1, rule.ifindex(), next);
    }
    switch (rule.action()) {
      case Action.Drop _ -> code.move(R0, 0).exit();
      case Action.Pass _ -> code.move(R0, 1).exit();
      case Action.Assign(String label, boolean replace, boolean noReuseport) -> {
        code.move(R7, labels.applyAsInt(label));
        int flags =
            (replace ? LookupContext.REPLACE : 0) | (noReuseport ? LookupContext.NO_REUSEPORT : 0);
        assign(sockMap, flags, next);
      }
    }
  }

  private void inRange(@Nullable PortRange ports, String next) {
    if (ports != null) {
      code.jump(LT, R1, ports.first(), next).jump(GT, R1, ports.last(), next);
    }
  }

  private void inPrefix(@Nullable IpPrefix prefix, int offset4, int offset6, String next) {
    if (prefix == null) {
      return;
    }
    boolean ipv4 = prefix.family() == Family.IPV4;
    code.load(Size.WORD, R1, R6, ContextStruct.FAMILY);
    code.jump(NE, R1, prefix.family().number(), next);
    ByteBuffer address = ByteBuffer.wrap(prefix.address().toBytes());
    for (int bit = 0; bit < prefix.length(); bit += 32) {
      int mask = -1 << Math.max(0, 32 - (prefix.length() - bit));
      code.load(Size.WORD, R1, R6, (ipv4 ? offset4 : offset6) + bit / 8).toBigEndian(R1, 32);
      code.alu(AND, R1, mask).moveLong(R2, address.getInt(bit / 8) & 0xffff_ffffL);
      code.jump(NE, R1, R2, next);
    }
  }

  /**
   * Assigns the socket of the label in R7: pass if it is assigned, or something else was before.
   */
  private void assign(int sockMap, int flags, String unique) {
    String udp = "udp" + unique;
    String tcp = "tcp" + unique;
    String drop = "drop" + unique;
    String pass = "assigned" + unique;
    code.alu(LSH, R7, 1).load(Size.WORD, R1, R6, ContextStruct.PROTOCOL);
    code.jump(EQ, R1, Protocol.UDP.number(), udp).jump(tcp);
    code.label(udp).alu(ADD, R7, 1).label(tcp).store(Size.WORD, R10, SLOT, R7);
    code.moveMap(R1, sockMap).move(R2, R10).alu(ADD, R2, SLOT);
    code.call(Linux.BPF_FUNC_MAP_LOOKUP_ELEM).jump(EQ, R0, 0, drop).move(R8, R0);
    code.move(R1, R6).move(R2, R8).move(R3, flags).call(Linux.BPF_FUNC_SK_ASSIGN).move(R9, R0);
    code.move(R1, R8).call(Linux.BPF_FUNC_SK_RELEASE);
    code.jump(EQ, R9, 0, pass).jump(EQ, R9, Errno.EEXIST.negative(), pass);
    code.label(drop).move(R0, 0).exit().label(pass).move(R0, 1).exit();
  }
}
