package io.sluice.steering.binding;

import io.sluice.steering.LookupContext;
import io.sluice.steering.LookupObserver;
import io.sluice.steering.Program;
import io.sluice.steering.Protocol;
import io.sluice.steering.map.SockMap;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToIntBiFunction;
import org.jspecify.annotations.Nullable;

/**
 * The program that tubular's dispatcher is: the best binding's label says which socket gets it.
 *
 * <p>Without a binding it passes. A binding whose label has no socket, or one that doesn't fit the
 * packet, drops: it doesn't go on to the next best binding. If an earlier program has selected a
 * socket, that stands (EEXIST), and this one passes.
 *
 * <p>Immutable; any thread may run it.
 */
public final class BindingsProgram implements Program {
  private final BindingTable table;
  private final LabelSockets sockets;

  private BindingsProgram(BindingTable table, LabelSockets sockets) {
    this.table = table;
    this.sockets = sockets;
  }

  /**
   * A program over a table.
   *
   * @param sockets looked into at each run, so what is put there later counts
   * @param slots a label's index in {@code sockets} for a protocol, negative for none; asked now,
   *     for each label and both protocols
   */
  public static BindingsProgram of(
      BindingTable table, SockMap sockets, ToIntBiFunction<String, Protocol> slots) {
    return new BindingsProgram(table, new LabelSockets(table.labels(), sockets, slots));
  }

  public BindingTable table() {
    return table;
  }

  /** {@inheritDoc} A binding without a socket tells {@link LookupObserver#missed}. */
  @Override
  public int run(LookupContext context) {
    int binding = table.match(context);
    if (binding < 0) {
      return SK_PASS;
    }
    context.part(binding);
    return sockets.assign(context, table.labelId(binding), 0);
  }

  /** The binding of that index in {@link #table}; null if there is none. Makes an object. */
  @Override
  public @Nullable Object part(int index) {
    return index < 0 ? null : table.binding(index);
  }

  /** All bindings that match, best first, each with the reason for its place. */
  @Override
  public List<Candidate> explain(LookupContext context) {
    List<Binding> matches = table.matches(context);
    List<Candidate> candidates = new ArrayList<>();
    for (int i = 0; i < matches.size(); i++) {
      Binding binding = matches.get(i);
      String why = i == 0 ? whyBest(matches) : whyNot(binding, matches.getFirst());
      if (i == 0 && sockets.isMissing(table.labelId(table.match(context)), context.protocol())) {
        why += ", no socket";
      }
      candidates.add(new Candidate(binding.match(), binding.label(), why));
    }
    return List.copyOf(candidates);
  }

  private static String whyBest(List<Binding> matches) {
    if (matches.size() == 1) {
      return "only match";
    }
    boolean tie = length(matches.get(0)) == length(matches.get(1));
    return tie ? "exact port" : "longest prefix";
  }

  private static String whyNot(Binding binding, Binding best) {
    return length(binding) == length(best) ? "any port" : "shorter";
  }

  private static int length(Binding binding) {
    return binding.prefix().length();
  }
}
