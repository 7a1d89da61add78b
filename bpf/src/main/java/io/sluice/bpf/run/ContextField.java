package io.sluice.bpf.run;

/**
 * What a load from a context reads.
 *
 * @param kind what it gives
 * @param accessors the class of {@code accessor}, a public static method that takes a {@link Run}
 *     and gives a long, or an object that is no number
 * @param shift by how many bits a number is shifted right, for a narrow load
 * @param size how many bytes of it count
 */
public record ContextField(Kind kind, Class<?> accessors, String accessor, int shift, int size) {
  /** What a field is. */
  public enum Kind {
    NUMBER,
    SOCKET,
    PACKET,
    PACKET_END
  }

  static ContextField number(Class<?> accessors, String accessor, int shift, int size) {
    return new ContextField(Kind.NUMBER, accessors, accessor, shift, size);
  }

  /** The bits that count. */
  public long mask() {
    return size >= Long.BYTES ? -1 : (1L << size * 8) - 1;
  }
}
