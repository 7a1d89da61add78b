package io.sluice.config;

import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.BindingTable;
import io.sluice.steering.binding.BindingTableBuilder;
import java.util.Arrays;
import java.util.BitSet;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.BiPredicate;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Bindings on their way into a table, as columns: a million take some 70 MB while they are read,
 * and no object each. Beside what the table gets, it knows where each one is written, for what is
 * found out about them when everything has been read.
 *
 * <p>A row is one item of a list, or one line of a file; it is one binding, or two if it names no
 * protocol, for each of its ports.
 */
final class BindingRows {
  private static final int FEW = 16;
  private static final int TCP = 1;
  private static final int UDP = 2;
  private static final List<Set<Protocol>> PROTOCOLS =
      List.of(
          EnumSet.noneOf(Protocol.class),
          EnumSet.of(Protocol.TCP),
          EnumSet.of(Protocol.UDP),
          EnumSet.allOf(Protocol.class));

  private final BindingTableBuilder table = new BindingTableBuilder();
  private final Origin origin;
  private int rows;
  private int[] lines = new int[4];
  private int[] columns = new int[4];
  private int[] labelLines = new int[4];
  private int[] labelColumns = new int[4];
  private int[] labels = new int[4]; // label id << 2 | protocols
  private int[] items = new int[4];
  private int[] rowOf = new int[4]; // by binding
  private boolean isUnreadable;

  /** Finds the values that rows were made of, to report at them. */
  interface Origin {
    /** A row as a whole. */
    Value row(int item, int line, int column);

    /** One of a row's fields. */
    Value field(int item, String name, int line, int column);
  }

  BindingRows(Origin origin) {
    this.origin = origin;
  }

  /** Something couldn't be read that may have been for any label. */
  void unreadable() {
    isUnreadable = true;
  }

  int labelId(String label) {
    return table.labelId(label);
  }

  /**
   * Begins a row, whose bindings follow unless something else is wrong with it.
   *
   * @param item its number, for the origin
   */
  void row(
      int labelId,
      Set<Protocol> protocols,
      int item,
      int line,
      int column,
      int labelLine,
      int labelColumn) {
    if (rows == lines.length) {
      int capacity = rows + (rows >> 1);
      lines = Arrays.copyOf(lines, capacity);
      columns = Arrays.copyOf(columns, capacity);
      labelLines = Arrays.copyOf(labelLines, capacity);
      labelColumns = Arrays.copyOf(labelColumns, capacity);
      labels = Arrays.copyOf(labels, capacity);
      items = Arrays.copyOf(items, capacity);
    }
    lines[rows] = line;
    columns[rows] = column;
    labelLines[rows] = labelLine;
    labelColumns[rows] = labelColumn;
    labels[rows] =
        labelId << 2
            | (protocols.contains(Protocol.TCP) ? TCP : 0)
            | (protocols.contains(Protocol.UDP) ? UDP : 0);
    items[rows] = item;
    rows++;
  }

  /** Adds the bindings of the row that was begun last: one for each of its protocols. */
  void bind(Family family, long high, long low, int length, int port) {
    int row = labels[rows - 1];
    if ((row & TCP) != 0) {
      bind(row >> 2, Protocol.TCP, family, high, low, length, port);
    }
    if ((row & UDP) != 0) {
      bind(row >> 2, Protocol.UDP, family, high, low, length, port);
    }
  }

  private void bind(
      int labelId, Protocol protocol, Family family, long high, long low, int length, int port) {
    int index = table.size();
    if (index == rowOf.length) {
      rowOf = Arrays.copyOf(rowOf, index + (index >> 1));
    }
    rowOf[index] = rows - 1;
    table.add(labelId, protocol, family, high, low, length, port);
  }

  /** How many bindings there are. */
  int size() {
    return table.size();
  }

  /**
   * The table; with none of the bindings if two are the same, which is reported.
   *
   * @param before another table: if this one differs in little, it shares the rest
   */
  BindingTable build(@Nullable BindingTable before) {
    BitSet reported = new BitSet();
    table.forEachDuplicate((index, earlier) -> {
      if (!reported.get(rowOf[index])) {
        reported.set(rowOf[index]);
        Value at = at(index);
        String message = "is bound twice, here and at line " + lines[rowOf[earlier]];
        at.error(
            at.problems().takesMore()
                ? table.binding(index).match() + " " + message + "; remove one"
                : message);
      }
    });
    if (!reported.isEmpty()) {
      return BindingTable.of(List.of());
    }
    BindingTable.Difference difference =
        before == null ? null : table.differenceFrom(before, table.size() / FEW);
    return before == null || difference == null ? table.build() : before.with(difference);
  }

  /** Where the bindings of a table that came of this one stand. */
  BindingPlaces places(BindingTable built) {
    int[] indexes = built.size() == 0 ? new int[0] : table.indexesIn(built);
    int most = Arrays.stream(indexes).max().orElse(-1);
    int[] linesOf = new int[most + 1];
    char[] columnsOf = new char[most + 1];
    for (int i = 0; i < indexes.length; i++) {
      linesOf[indexes[i]] = lines[rowOf[i]];
      columnsOf[indexes[i]] = (char) Math.min(columns[rowOf[i]], Character.MAX_VALUE);
    }
    return new BindingPlaces(origin.row(0, 1, 1).problems().file(), linesOf, columnsOf);
  }

  /** A binding without its label. */
  Binding key(int binding) {
    return table.key(binding);
  }

  /** The row that a binding stands in. */
  Value at(int binding) {
    int row = rowOf[binding];
    return origin.row(items[row], lines[row], columns[row]);
  }

  /** Whether two bindings are of the same row. */
  boolean isSameRow(int binding, int other) {
    return rowOf[binding] == rowOf[other];
  }

  /** Notes which labels have traffic; who has no destination is found in {@link #forEachUse}. */
  void use(Labels usage) {
    if (isUnreadable) {
      usage.use(null, null, PROTOCOLS.getFirst());
    }
    List<String> names = table.labels();
    forEachKind(kind -> usage.use(names.get(kind >> 2), PROTOCOLS.get(kind & 3)));
    usage.use(this);
  }

  /** Tells each row whose label and protocols are wanted. */
  void forEachUse(BiPredicate<String, Set<Protocol>> wanted, Consumer<Labels.Use> uses) {
    List<String> names = table.labels();
    BitSet wantedKinds = new BitSet();
    forEachKind(kind -> {
      if (wanted.test(names.get(kind >> 2), PROTOCOLS.get(kind & 3))) {
        wantedKinds.set(kind);
      }
    });
    for (int row = 0; row < rows && !wantedKinds.isEmpty(); row++) {
      if (wantedKinds.get(labels[row])) {
        uses.accept(
            new Labels.Use(
                names.get(labels[row] >> 2),
                PROTOCOLS.get(labels[row] & 3),
                origin.field(items[row], "label", labelLines[row], labelColumns[row])));
      }
    }
  }

  /** Tells each pair of a label and protocols once. */
  private void forEachKind(IntConsumer kinds) {
    BitSet seen = new BitSet();
    for (int row = 0; row < rows; row++) {
      seen.set(labels[row]);
    }
    seen.stream().forEach(kinds);
  }
}
