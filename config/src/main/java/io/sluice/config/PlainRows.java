package io.sluice.config;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Makes rows of fields that are bytes of a file: what CSV and JSON have in common. What most rows
 * look like, a label as in the row before and an IPv4 prefix, takes no object.
 */
final class PlainRows {
  private static final Set<Protocol> BOTH = EnumSet.allOf(Protocol.class);
  private static final Set<Protocol> TCP = EnumSet.of(Protocol.TCP);
  private static final Set<Protocol> UDP = EnumSet.of(Protocol.UDP);
  private static final int MANY_LABELS = 256;

  private final byte[] bytes;
  private final BindingRows.Origin origin;
  private final AnyPorts anyPorts = new AnyPorts();
  private final BindingRows rows;
  private final byte[][] labels = new byte[MANY_LABELS][]; // by a hash of their bytes
  private final int[] labelIds = new int[MANY_LABELS];

  /** A piece of the file, or what it stands for. */
  static final class Field {
    final String name;
    boolean isPresent;
    int from;
    int to;
    int line;
    int column;
    @Nullable String text; // if it is not what the bytes are

    Field(String name) {
      this.name = name;
    }
  }

  final Field label = new Field("label");
  final Field protocol = new Field("protocol");
  final Field prefix = new Field("prefix");
  final Field port = new Field("port");

  PlainRows(byte[] bytes, BindingRows.Origin origin) {
    this.bytes = bytes;
    this.origin = origin;
    this.rows = new BindingRows(origin);
  }

  Bindings bindings() {
    return new Bindings(rows, anyPorts);
  }

  BindingRows rows() {
    return rows;
  }

  /** Adds what the four fields say, or reports what is wrong with them. */
  void add(int item, int line, int column) {
    int labelId = labelId(item);
    Set<Protocol> protocols =
        !protocol.isPresent || is(protocol, "")
            ? BOTH
            : is(protocol, "tcp") ? TCP : is(protocol, "udp") ? UDP : null;
    if (protocols == null) {
      parse(item, protocol, Words::protocol); // says what is wrong with it
    }
    if (labelId < 0 || protocols == null) {
      rows.unreadable();
    } else {
      rows.row(labelId, protocols, item, line, column, label.line, label.column);
    }
    int number = port(item);
    boolean canBind = labelId >= 0 && protocols != null && number >= 0;
    long ipv4 = ipv4Prefix();
    if (ipv4 >= 0) {
      if (canBind) {
        rows.bind(Family.IPV4, 0, ipv4 & 0xffff_ffffL, (int) (ipv4 >>> 32), number);
      }
      return;
    }
    IpPrefix other = parse(item, prefix, Words::prefix);
    if (other != null && canBind) {
      IpAddress address = other.address();
      rows.bind(other.family(), address.high(), address.low(), other.length(), number);
    }
  }

  private int labelId(int item) {
    int hash = 0;
    for (int i = label.from; i < label.to; i++) {
      hash = 31 * hash + bytes[i];
    }
    int slot = hash & MANY_LABELS - 1;
    byte[] known = labels[slot];
    if (label.text == null
        && known != null
        && Arrays.equals(known, 0, known.length, bytes, label.from, label.to)) {
      return labelIds[slot];
    }
    String parsed = parse(item, label, Labels::parse);
    if (parsed == null) {
      return -1;
    }
    int id = rows.labelId(parsed);
    if (label.text == null) {
      labels[slot] = Arrays.copyOfRange(bytes, label.from, label.to);
      labelIds[slot] = id;
    }
    return id;
  }

  /** The port, {@link Binding#ANY_PORT} for any, or -1 after a problem. */
  private int port(int item) {
    int length = port.to - port.from;
    int number = 0;
    boolean isPlain = port.text == null && length > 0 && length <= 5 && bytes[port.from] != '0';
    for (int i = port.from; isPlain && i < port.to; i++) {
      isPlain = bytes[i] >= '0' && bytes[i] <= '9';
      number = 10 * number + bytes[i] - '0';
    }
    if (isPlain && number <= 65535) {
      return number;
    }
    PortRange ports = parse(item, port, Words::portOrAny);
    if (ports == null) {
      return -1;
    }
    if (ports.equals(PortRange.ANY)) {
      anyPorts.add(value(item, port));
      return Binding.ANY_PORT;
    }
    return ports.first();
  }

  /** Length in the upper half, address in the lower; -1 if it isn't plainly {@code a.b.c.d/len}. */
  private long ipv4Prefix() {
    if (prefix.text != null) {
      return -1;
    }
    int at = prefix.from;
    long address = 0;
    for (int part = 0; part < 5; part++) {
      int digits = at;
      int number = 0;
      while (at < prefix.to && at - digits < 3 && bytes[at] >= '0' && bytes[at] <= '9') {
        number = 10 * number + bytes[at++] - '0';
      }
      boolean isNumber = at > digits && (bytes[digits] != '0' || at - digits == 1);
      if (part == 4) {
        boolean isNetwork = number <= 32 && (address & (1L << 32 - number) - 1) == 0;
        return isNumber && isNetwork && at == prefix.to ? (long) number << 32 | address : -1;
      }
      if (!isNumber || number > 255 || at == prefix.to || bytes[at++] != (part < 3 ? '.' : '/')) {
        return -1;
      }
      address = address << 8 | number;
    }
    throw new AssertionError();
  }

  /** Whether a field is a word of ASCII. */
  boolean is(Field field, String word) {
    if (field.text != null) {
      return field.text.equals(word);
    }
    boolean same = field.to - field.from == word.length();
    for (int i = 0; same && i < word.length(); i++) {
      same = bytes[field.from + i] == word.charAt(i);
    }
    return same;
  }

  private <T> @Nullable T parse(int item, Field field, Function<String, T> parser) {
    String text =
        field.text == null
            ? new String(bytes, field.from, field.to - field.from, StandardCharsets.UTF_8)
            : field.text;
    Value at = value(item, field);
    try {
      if (text.length() > Value.MAX_TEXT_LENGTH) {
        throw new IllegalArgumentException(
            "the value has "
                + text.length()
                + " characters; at most "
                + Value.MAX_TEXT_LENGTH
                + " fit");
      }
      return parser.apply(text);
    } catch (IllegalArgumentException wrong) {
      at.error(String.valueOf(wrong.getMessage()));
      return null;
    }
  }

  private Value value(int item, Field field) {
    return origin.field(item, field.name, field.line, field.column);
  }
}
