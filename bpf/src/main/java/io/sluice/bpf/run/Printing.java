package io.sluice.bpf.run;

import io.sluice.steering.Errno;
import org.jspecify.annotations.Nullable;

/** bpf_trace_printk: a line for who follows the program. */
public final class Printing {
  private static final int MAX_FORMAT_BYTES = 128;

  private Printing() {}

  /** bpf_trace_printk, helper 6: how many bytes it printed, or -EINVAL for a wrong format. */
  public static long printk(
      Run run, @Nullable Object format, long offset, long size, long a, long b, long c) {
    if (!run.isTraced()) {
      return Math.max(0, size); // nobody listens: it isn't formatted
    }
    StringBuilder out = new StringBuilder();
    long[] values = {a, b, c};
    int used = 0;
    for (int i = 0; i < Math.min(size, MAX_FORMAT_BYTES); i++) {
      char at = (char) Memory.load(format, offset + i, 1);
      if (at == 0) {
        break;
      }
      if (at != '%') {
        out.append(at);
        continue;
      }
      int width = 0;
      char kind = (char) Memory.load(format, offset + ++i, 1);
      while (kind == 'l') {
        width++;
        kind = (char) Memory.load(format, offset + ++i, 1);
      }
      if (kind == '%') {
        out.append('%');
        continue;
      }
      if (used == values.length || "duxip".indexOf(kind) < 0) {
        return Errno.EINVAL.negative();
      }
      long value = width == 0 && kind != 'p' ? (int) values[used++] : values[used++];
      switch (kind) {
        case 'u' ->
            out.append(
                width == 0 ? Integer.toUnsignedString((int) value) : Long.toUnsignedString(value));
        case 'x', 'p' ->
            out.append(
                width == 0 && kind == 'x'
                    ? Integer.toHexString((int) value)
                    : Long.toHexString(value));
        default -> out.append(value);
      }
    }
    run.trace().printed(out.toString());
    return out.length();
  }
}
