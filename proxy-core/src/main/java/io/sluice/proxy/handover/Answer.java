package io.sluice.proxy.handover;

/** What {@link Frame#TAKEN} says: which of a frame's things weren't taken. */
public final class Answer {
  private Answer() {}

  /** Writes it. */
  public static Packer pack(int[] refused) {
    Packer out = new Packer().u16(refused.length);
    for (int index : refused) {
      out.u16(index);
    }
    return out;
  }

  /** Reads it. */
  public static int[] unpack(Unpacker in) {
    int[] refused = new int[in.u16()];
    for (int i = 0; i < refused.length; i++) {
      refused[i] = in.u16();
    }
    return refused;
  }
}
