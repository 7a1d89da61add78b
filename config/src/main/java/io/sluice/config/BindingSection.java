package io.sluice.config;

import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * {@code bindings}: which traffic has which label. A list, whose items are taken one by one while
 * the file is read; or the name of a file that has them.
 */
final class BindingSection {
  static final String KEY = "bindings";

  private static final List<String> KEYS = List.of("label", "protocol", "prefix", "port");
  private static final List<String> FILE_KEYS = List.of("file", "requireEnd");
  private static final Set<Protocol> BOTH = EnumSet.allOf(Protocol.class);
  private static final Set<Protocol> NEITHER = EnumSet.noneOf(Protocol.class);

  private final Value list;
  private final BindingRows rows;
  private final AnyPorts anyPorts = new AnyPorts();

  /**
   * Starts reading a list of them.
   *
   * @param list its place; has no items itself
   */
  BindingSection(Value list) {
    this.list = list;
    this.rows = new BindingRows(new ListOrigin(list));
  }

  /** Rows that are items of a list: {@code bindings[3]}, {@code bindings[3].label}. */
  record ListOrigin(Value list) implements BindingRows.Origin {
    @Override
    public Value row(int item, int line, int column) {
      return list.item(item, new Node.Mapping(List.of(), line, column));
    }

    @Override
    public Value field(int item, String name, int line, int column) {
      Node at = new Node.Scalar("", false, line, column);
      return list.item(item, at).at(name, at);
    }
  }

  /** Takes an item of the list. */
  void item(Node item, int index) {
    Fields fields = Fields.of(list.item(index, item), KEYS);
    if (fields == null) {
      rows.unreadable();
    } else {
      binding(fields, index);
    }
  }

  /** What the list's items came to; or the file's, if the section names one; or none. */
  Bindings read(@Nullable Value section) {
    Bindings listed = new Bindings(rows, anyPorts);
    if (section == null || section.isList()) {
      return listed;
    }
    if (!section.isMap()) {
      section.items(); // says that it is no list
      return listed;
    }
    Fields fields = Fields.of(section, FILE_KEYS);
    Value file = fields == null ? null : fields.required("file", "bindings.csv");
    if (fields == null || file == null) {
      rows.unreadable();
      return listed;
    }
    boolean isEndRequired = fields.optional("requireEnd", false, Value::flag);
    Bindings read = BindingFile.read(file, isEndRequired);
    if (read == null) {
      rows.unreadable();
    }
    return read == null ? listed : read;
  }

  private void binding(Fields fields, int index) {
    String label = fields.required("label", "web", value -> value.parse(Labels::parse));
    Set<Protocol> protocols = protocols(fields);
    IpPrefix prefix =
        fields.required("prefix", "192.0.2.0/24", value -> value.parse(Words::prefix));
    List<PortRange> ports = fields.required("port", "80 (or any)", BindingSection::ports);
    Value labelAt = fields.optional("label");
    if (label == null || labelAt == null || protocols.isEmpty()) {
      rows.unreadable();
      return;
    }
    Value row = fields.map();
    rows.row(
        rows.labelId(label),
        protocols,
        index,
        row.line(),
        row.column(),
        labelAt.line(),
        labelAt.column());
    if (prefix == null || ports == null) {
      return;
    }
    IpAddress address = prefix.address();
    for (PortRange each : ports) {
      int port = each.equals(PortRange.ANY) ? Binding.ANY_PORT : each.first();
      if (port == Binding.ANY_PORT) {
        anyPorts.add(fields.optional("port"));
      }
      rows.bind(prefix.family(), address.high(), address.low(), prefix.length(), port);
    }
  }

  /** One port, or a list of them; null after a problem. */
  private static @Nullable List<PortRange> ports(Value value) {
    List<PortRange> ports = new ArrayList<>();
    for (Value each : value.oneOrMore()) {
      PortRange port = each.parse(Words::portOrAny);
      if (port == null) {
        return null;
      }
      ports.add(port);
    }
    return ports.isEmpty() ? null : ports;
  }

  /** Both if there is no protocol; none after a problem. */
  static Set<Protocol> protocols(Fields fields) {
    Value value = fields.optional("protocol");
    if (value == null) {
      return fields.isExcused("protocol") ? NEITHER : BOTH;
    }
    Protocol protocol = value.parse(Words::protocol);
    return protocol == null ? NEITHER : EnumSet.of(protocol);
  }
}
