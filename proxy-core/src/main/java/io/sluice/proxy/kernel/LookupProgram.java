package io.sluice.proxy.kernel;

import io.sluice.proxy.arrival.PortSet;
import io.sluice.proxy.linux.BpfAssembler;
import io.sluice.proxy.linux.BpfAssembler.Alu;
import io.sluice.proxy.linux.BpfAssembler.If;
import io.sluice.proxy.linux.BpfAssembler.Register;
import io.sluice.proxy.linux.BpfAssembler.Size;
import io.sluice.proxy.linux.Linux;
import org.jspecify.annotations.Nullable;

/**
 * The SK_LOOKUP program of the method {@code sk_lookup}: what is captured, it assigns to one of our
 * sockets; anything else, and what an earlier program has assigned, it passes untouched. With a
 * {@link Policy} it decides about TCP connections first, and assigns them to a target's own socket
 * where it can.
 *
 * <p>Three lookups, whatever is captured: the longest prefix, which names a set of ports; the bit
 * of the port in that set; the socket of the protocol, which is one of both families. In C it would
 * be
 *
 * <pre>
 *   key = {prefix length, protocol, local address};
 *   u32 *set = lookup(family == AF_INET ? prefixes4 : prefixes6, &amp;key);
 *   u8 *ports = set ? lookup(port_sets, set) : NULL;
 *   if (ports &amp;&amp; ports[local_port / 8] &gt;&gt; local_port % 8 &amp; 1) {
 *     slot = protocol == UDP;
 *     if (sk = lookup(sockets, &amp;slot)) { bpf_sk_assign(ctx, sk, 0); bpf_sk_release(sk); }
 *   }
 *   return SK_PASS;
 * </pre>
 */
public final class LookupProgram {
  /** How many slots the sockets' map has. */
  public static final int SLOTS = 2;

  /** A trie's key: prefix length, protocol, address. The protocol counts as prefix, too. */
  static final int KEY_BYTES_IPV4 = 4 + 4 + 4;

  static final int KEY_BYTES_IPV6 = 4 + 4 + 16;
  static final int PROTOCOL_BITS = 32;

  private static final int KEY = -32; // on the stack

  /** Where on the stack the key of an array is. */
  static final int INDEX = -4;

  static final int SK_PASS = 1;
  private static final int SK_DROP = 0;
  private static final int IPPROTO_UDP = 17;

  private LookupProgram() {}

  /** The slot of a protocol's sockets. */
  public static int slot(boolean udp) {
    return udp ? 1 : 0;
  }

  /**
   * The code, over these maps.
   *
   * @param policy where captured TCP connections go without us; null if all come to us
   */
  static BpfAssembler code(
      int prefixes4, int prefixes6, int portSets, int sockets, @Nullable Policy policy) {
    BpfAssembler code = new BpfAssembler();
    code.move(Register.R6, Register.R1);
    if (policy != null) {
      code.load(Size.DOUBLE, Register.R2, Register.R6, SkLookupContext.SK)
          .jump(If.EQ, Register.R2, 0, "unselected")
          .move(Register.R0, SK_PASS) // an earlier program has selected
          .exit()
          .label("unselected");
    }
    code.load(Size.WORD, Register.R7, Register.R6, SkLookupContext.PROTOCOL)
        .store(Size.WORD, Register.R10, KEY + 4, Register.R7)
        .load(Size.WORD, Register.R2, Register.R6, SkLookupContext.FAMILY)
        .jump(If.EQ, Register.R2, Linux.AF_INET6, "ipv6")
        .store(Size.WORD, Register.R10, KEY, PROTOCOL_BITS + 32)
        .load(Size.WORD, Register.R2, Register.R6, SkLookupContext.LOCAL_IP4)
        .store(Size.WORD, Register.R10, KEY + 8, Register.R2)
        .moveMap(Register.R1, prefixes4)
        .jump("prefix")
        .label("ipv6")
        .store(Size.WORD, Register.R10, KEY, PROTOCOL_BITS + 128);
    for (int at = 0; at < 16; at += 4) {
      code.load(Size.WORD, Register.R2, Register.R6, SkLookupContext.LOCAL_IP6 + at)
          .store(Size.WORD, Register.R10, KEY + 8 + at, Register.R2);
    }
    code.moveMap(Register.R1, prefixes6).label("prefix");
    lookUp(code, KEY, "pass")
        .load(Size.WORD, Register.R2, Register.R0, 0)
        .store(Size.WORD, Register.R10, INDEX, Register.R2)
        .moveMap(Register.R1, portSets);
    lookUp(code, INDEX, "pass")
        .load(Size.WORD, Register.R2, Register.R6, SkLookupContext.LOCAL_PORT)
        .move(Register.R3, Register.R2)
        .alu(Alu.RSH, Register.R3, 3)
        .alu(Alu.AND, Register.R3, PortSet.BITMAP_BYTES - 1)
        .alu(Alu.ADD, Register.R0, Register.R3)
        .load(Size.BYTE, Register.R3, Register.R0, 0)
        .alu(Alu.AND, Register.R2, 7)
        .alu(Alu.RSH, Register.R3, Register.R2)
        .alu(Alu.AND, Register.R3, 1)
        .jump(If.NE, Register.R3, 0, "captured")
        .label("pass")
        .move(Register.R0, SK_PASS)
        .exit()
        .label("captured")
        .store(Size.WORD, Register.R10, INDEX, slot(true))
        .jump(If.EQ, Register.R7, IPPROTO_UDP, "ours");
    if (policy != null) {
      decide(code, policy);
    }
    code.label("relay")
        .store(Size.WORD, Register.R10, INDEX, slot(false))
        .label("ours")
        .moveMap(Register.R1, sockets);
    return lookUp(code, INDEX, "none")
        .move(Register.R7, Register.R0)
        .move(Register.R1, Register.R6)
        .move(Register.R2, Register.R0)
        .move(Register.R3, 0)
        .call(Linux.BPF_FUNC_SK_ASSIGN)
        .move(Register.R1, Register.R7)
        .call(Linux.BPF_FUNC_SK_RELEASE)
        .label("none")
        .move(Register.R0, SK_PASS)
        .exit();
  }

  /** What we would decide; goes to {@code relay} where it takes us. */
  private static void decide(BpfAssembler code, Policy policy) {
    code.store(Size.WORD, Register.R10, INDEX, Records.SWITCH)
        .moveMap(Register.R1, policy.targets().records().fd());
    lookUp(code, INDEX, "relay")
        .load(Size.DOUBLE, Register.R1, Register.R0, 0)
        .jump(If.EQ, Register.R1, 0, "relay");
    PolicyCode.append(code, policy, "relay");
    code.jump(If.SGE, Register.R7, 0, "selected")
        .jump(If.EQ, Register.R8, 0, "relay") // an ordinary listener, if any
        .alu(Alu.SUB, Register.R8, 1)
        .store(Size.WORD, Register.R10, INDEX, Register.R8)
        .moveMap(Register.R1, policy.targets().drops());
    lookUp(code, INDEX, "drop")
        .load(Size.DOUBLE, Register.R1, Register.R0, 0)
        .alu(Alu.ADD, Register.R1, 1)
        .store(Size.DOUBLE, Register.R0, 0, Register.R1)
        .label("drop")
        .move(Register.R0, SK_DROP)
        .exit()
        .label("selected");
    SelectionCode.append(code, policy.targets(), "relay");
  }

  /** A program that does nothing, to see whether one may be loaded. */
  static byte[] passes() {
    return new BpfAssembler().move(Register.R0, SK_PASS).exit().assemble();
  }

  /** Looks up a key on the stack in the map that R1 names; goes elsewhere if it isn't there. */
  static BpfAssembler lookUp(BpfAssembler code, int key, String missing) {
    return code.move(Register.R2, Register.R10)
        .alu(Alu.ADD, Register.R2, key)
        .call(Linux.BPF_FUNC_MAP_LOOKUP_ELEM)
        .jump(If.EQ, Register.R0, 0, missing);
  }
}
