package io.sluice.proxy.kernel;

import io.sluice.proxy.arrival.PortSet;
import io.sluice.proxy.linux.BpfAssembler;
import io.sluice.proxy.linux.BpfAssembler.Alu;
import io.sluice.proxy.linux.BpfAssembler.If;
import io.sluice.proxy.linux.BpfAssembler.Register;
import io.sluice.proxy.linux.BpfAssembler.Size;
import io.sluice.proxy.linux.Linux;

/**
 * The SK_LOOKUP program of the method {@code sk_lookup}: what is captured, it assigns to one of our
 * sockets; anything else, and what an earlier program has assigned, it passes untouched.
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
 *
 * <p>The context's offsets are those of {@code struct bpf_sk_lookup} in linux/bpf.h.
 */
public final class LookupProgram {
  /** How many slots the sockets' map has. */
  public static final int SLOTS = 2;

  /** A trie's key: prefix length, protocol, address. The protocol counts as prefix, too. */
  static final int KEY_BYTES_IPV4 = 4 + 4 + 4;

  static final int KEY_BYTES_IPV6 = 4 + 4 + 16;
  static final int PROTOCOL_BITS = 32;

  private static final int FAMILY = 8;
  private static final int PROTOCOL = 12;
  private static final int LOCAL_IP4 = 40;
  private static final int LOCAL_IP6 = 44;
  private static final int LOCAL_PORT = 60;

  private static final int KEY = -32; // on the stack
  private static final int INDEX = -4;
  private static final int IPPROTO_UDP = 17;
  private static final int SK_PASS = 1;

  private LookupProgram() {}

  /** The slot of a protocol's sockets. */
  public static int slot(boolean udp) {
    return udp ? 1 : 0;
  }

  /** The code, over these maps. */
  static byte[] code(int prefixes4, int prefixes6, int portSets, int sockets) {
    BpfAssembler code = new BpfAssembler();
    code.move(Register.R6, Register.R1)
        .load(Size.WORD, Register.R7, Register.R6, PROTOCOL)
        .store(Size.WORD, Register.R10, KEY + 4, Register.R7)
        .load(Size.WORD, Register.R2, Register.R6, FAMILY)
        .jump(If.EQ, Register.R2, Linux.AF_INET6, "ipv6")
        .store(Size.WORD, Register.R10, KEY, PROTOCOL_BITS + 32)
        .load(Size.WORD, Register.R2, Register.R6, LOCAL_IP4)
        .store(Size.WORD, Register.R10, KEY + 8, Register.R2)
        .moveMap(Register.R1, prefixes4)
        .jump("prefix")
        .label("ipv6")
        .store(Size.WORD, Register.R10, KEY, PROTOCOL_BITS + 128);
    for (int at = 0; at < 16; at += 4) {
      code.load(Size.WORD, Register.R2, Register.R6, LOCAL_IP6 + at)
          .store(Size.WORD, Register.R10, KEY + 8 + at, Register.R2);
    }
    code.moveMap(Register.R1, prefixes6).label("prefix");
    lookUp(code, KEY)
        .load(Size.WORD, Register.R2, Register.R0, 0)
        .store(Size.WORD, Register.R10, INDEX, Register.R2)
        .moveMap(Register.R1, portSets);
    lookUp(code, INDEX)
        .load(Size.WORD, Register.R2, Register.R6, LOCAL_PORT)
        .move(Register.R3, Register.R2)
        .alu(Alu.RSH, Register.R3, 3)
        .alu(Alu.AND, Register.R3, PortSet.BITMAP_BYTES - 1)
        .alu(Alu.ADD, Register.R0, Register.R3)
        .load(Size.BYTE, Register.R3, Register.R0, 0)
        .alu(Alu.AND, Register.R2, 7)
        .alu(Alu.RSH, Register.R3, Register.R2)
        .alu(Alu.AND, Register.R3, 1)
        .jump(If.EQ, Register.R3, 0, "pass")
        .store(Size.WORD, Register.R10, INDEX, slot(false))
        .jump(If.NE, Register.R7, IPPROTO_UDP, "socket")
        .store(Size.WORD, Register.R10, INDEX, slot(true))
        .label("socket")
        .moveMap(Register.R1, sockets);
    return lookUp(code, INDEX)
        .move(Register.R7, Register.R0)
        .move(Register.R1, Register.R6)
        .move(Register.R2, Register.R0)
        .move(Register.R3, 0)
        .call(Linux.BPF_FUNC_SK_ASSIGN)
        .move(Register.R1, Register.R7)
        .call(Linux.BPF_FUNC_SK_RELEASE)
        .label("pass")
        .move(Register.R0, SK_PASS)
        .exit()
        .assemble();
  }

  /** A program that does nothing, to see whether one may be loaded. */
  static byte[] passes() {
    return new BpfAssembler().move(Register.R0, SK_PASS).exit().assemble();
  }

  /** Looks up a key on the stack in the map that R1 names; passes if it isn't there. */
  private static BpfAssembler lookUp(BpfAssembler code, int key) {
    return code.move(Register.R2, Register.R10)
        .alu(Alu.ADD, Register.R2, key)
        .call(Linux.BPF_FUNC_MAP_LOOKUP_ELEM)
        .jump(If.EQ, Register.R0, 0, "pass");
  }
}
