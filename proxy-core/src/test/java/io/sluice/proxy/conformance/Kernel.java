package io.sluice.proxy.conformance;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.linux.Bpf;
import io.sluice.proxy.linux.Bpf.LoadedProgram;
import io.sluice.proxy.linux.Bpf.MapSpec;
import io.sluice.proxy.linux.BpfAssembler;
import io.sluice.proxy.linux.BpfAssembler.Register;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** This machine's kernel, asked through bpf(2). What can't fail in a test throws if it does. */
final class Kernel {
  final Syscalls syscalls = new Syscalls();
  final Bpf bpf = new Bpf(syscalls);

  /** Says why a test that needs SK_LOOKUP is skipped here, if it is. */
  static void assumeItTakesPrograms() {
    Kernel kernel = new Kernel();
    byte[] pass = new BpfAssembler().move(Register.R0, 1).exit().assemble();
    LoadedProgram program =
        kernel.bpf.load(Linux.BPF_PROG_TYPE_SK_LOOKUP, Linux.BPF_SK_LOOKUP, pass, "probe");
    assumeTrue(
        program.isLoaded(),
        "needs Linux 5.9 with the right to load SK_LOOKUP programs: " + program.message());
    kernel.close(program.fd());
    int map = kernel.bpf.createMap(MapSpec.of(Linux.BPF_MAP_TYPE_SOCKMAP, 4, 8, 1, "probe"));
    assumeTrue(map >= 0, "needs the right to make a SOCKMAP: " + Linux.errnoName(-map));
    kernel.close(map);
    int fd = check("socket", kernel.syscalls.socket(Family.IPV6.number(), Linux.SOCK_DGRAM));
    int bound = kernel.syscalls.bind(fd, new Sockaddr().set(IpAddress.parse("::1"), 0));
    kernel.close(fd);
    assumeTrue(bound == 0, "needs ::1: " + Linux.errnoName(-bound));
  }

  int map(int type, int keyBytes, int valueBytes, int maxEntries) {
    int flags = type == Linux.BPF_MAP_TYPE_LPM_TRIE ? Linux.BPF_F_NO_PREALLOC : 0;
    return check(
        "a map", bpf.createMap(new MapSpec(type, keyBytes, valueBytes, maxEntries, flags, 0, "m")));
  }

  /** Loads an SK_LOOKUP program. */
  int lookupProgram(byte[] code) {
    return program(Linux.BPF_PROG_TYPE_SK_LOOKUP, Linux.BPF_SK_LOOKUP, code);
  }

  int program(int type, int attachType, byte[] code) {
    LoadedProgram program = bpf.load(type, attachType, code, "conformance");
    if (!program.isLoaded()) {
      throw new IllegalStateException(program.message());
    }
    return program.fd();
  }

  void close(int fd) {
    check("close", syscalls.close(fd));
  }

  static int check(String what, int result) {
    if (result < 0) {
      throw new IllegalStateException(what + ": " + Linux.errnoName(-result));
    }
    return result;
  }

  static byte[] word(int value) {
    return bytes(4).putInt(value).array();
  }

  static byte[] doubleWord(long value) {
    return bytes(8).putLong(value).array();
  }

  static ByteBuffer bytes(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }
}
