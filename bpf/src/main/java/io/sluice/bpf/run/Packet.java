package io.sluice.bpf.run;

/** A packet's bytes as far as the program's type lets it see them; traps out of range. */
public interface Packet {
  /** In bytes. */
  int length();

  /** Loads {@code size} bytes, little-endian. */
  long load(long offset, int size);

  /** Stores {@code size} bytes, little-endian; traps where the packet is read only. */
  default void store(long offset, int size, long value) {
    throw Trap.readOnly();
  }
}
