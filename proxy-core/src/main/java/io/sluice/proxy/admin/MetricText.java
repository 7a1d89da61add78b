package io.sluice.proxy.admin;

import io.sluice.proxy.observe.Durations;
import io.sluice.proxy.observe.Metric;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes Prometheus's text format, version 0.0.4, as a stream: a daemon with ten thousand
 * destinations has a quarter of a million lines, which exist nowhere but in what is sent. One
 * thread.
 *
 * @see <a href="https://prometheus.io/docs/instrumenting/exposition_formats/">Exposition
 *     formats</a>
 */
final class MetricText {
  private final byte[] buffer = new byte[8 << 10];
  private final OutputStream out;
  private int used;
  private String name = "";
  private Metric.Type type = Metric.Type.GAUGE;
  private String help = "";
  private List<String> labels = List.of();
  private boolean hasHead;

  MetricText(OutputStream out) {
    this.out = out;
  }

  /** What follows are samples of this metric. */
  void begin(Metric metric) {
    begin(metric.exposedName(), metric.type(), metric.help(), metric.labels());
  }

  /** What follows are samples of a metric that isn't Sluice's own. */
  void begin(String name, Metric.Type type, String help, List<String> labels) {
    this.name = name;
    this.type = type;
    this.help = help;
    this.labels = labels;
    this.hasHead = false;
  }

  /**
   * A sample.
   *
   * @param values of the labels, in their order
   */
  void sample(long value, String... values) throws IOException {
    series("", labels, values);
    line(Double.toString((double) value));
  }

  /** A sample with a fraction. */
  void fraction(double value, String... values) throws IOException {
    series("", labels, values);
    line(Double.toString(value));
  }

  /** A histogram. */
  void histogram(Durations durations, String... values) throws IOException {
    double[] upperBounds = Durations.boundsSeconds();
    long[] counts = durations.counts();
    List<String> names = new ArrayList<>(labels);
    names.add("le");
    String[] inBucket = new String[values.length + 1];
    System.arraycopy(values, 0, inBucket, 0, values.length);
    long all = 0;
    for (int i = 0; i < counts.length; i++) {
      all += counts[i];
      inBucket[values.length] = i < upperBounds.length ? Double.toString(upperBounds[i]) : "+Inf";
      series("_bucket", names, inBucket);
      line(Long.toString(all));
    }
    series("_sum", labels, values);
    line(Double.toString(durations.sumSeconds()));
    series("_count", labels, values);
    line(Long.toString(all));
  }

  /** Hands on what is still in the buffer. */
  void flush() throws IOException {
    out.write(buffer, 0, used);
    used = 0;
  }

  private void series(String suffix, List<String> names, String... values) throws IOException {
    if (names.size() != values.length) {
      throw new IllegalArgumentException(name + " has labels " + names);
    }
    if (!hasHead) {
      hasHead = true;
      put("# HELP " + name + " " + help + "\n# TYPE " + name + " " + type.word() + "\n");
    }
    put(name);
    put(suffix);
    for (int i = 0; i < values.length; i++) {
      put(i == 0 ? "{" : ",");
      put(names.get(i));
      put("=\"");
      put(escaped(values[i]));
      put("\"");
    }
    put(values.length == 0 ? " " : "} ");
  }

  private void line(String value) throws IOException {
    put(value);
    put("\n");
  }

  private static String escaped(String value) {
    for (int i = 0; i < value.length(); i++) {
      char c = value.charAt(i);
      if (c == '\\' || c == '"' || c == '\n') {
        return value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
      }
    }
    return value;
  }

  private void put(String text) throws IOException {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c >= 0x80) {
        put(text.substring(i).getBytes(StandardCharsets.UTF_8));
        return;
      }
      put((byte) c);
    }
  }

  private void put(byte[] octets) throws IOException {
    for (byte octet : octets) {
      put(octet);
    }
  }

  private void put(byte octet) throws IOException {
    if (used == buffer.length) {
      flush();
    }
    buffer[used++] = octet;
  }
}
