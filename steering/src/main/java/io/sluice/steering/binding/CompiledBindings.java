package io.sluice.steering.binding;

import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import java.util.Arrays;

/**
 * Bindings with their tries, none of which are the same. Immutable. An index is a binding's place
 * in the order in which they were added.
 */
final class CompiledBindings {
  static final int PROTOCOLS = Protocol.values().length;
  static final int SPACES = Family.values().length * PROTOCOLS;

  private static final int SPACE_SHIFT = 28;

  private final BindingTrie[] spaces; // by family and protocol: they never see each other
  private final int[] places; // by binding index: space << 28 | entry in its trie
  private final char[] ports; // by binding index
  private final int[] labelIds; // by binding index

  /**
   * Compiles them.
   *
   * @param ports by binding index; not copied, as neither are the label ids
   * @throws IllegalArgumentException if two are the same
   */
  CompiledBindings(BindingColumns[] columns, char[] ports, int[] labelIds) {
    spaces = new BindingTrie[SPACES];
    places = new int[ports.length];
    for (int space = 0; space < SPACES; space++) {
      spaces[space] = new BindingTrie(columns[space], places, space << SPACE_SHIFT);
    }
    this.ports = ports;
    this.labelIds = labelIds;
  }

  static int space(Family family, Protocol protocol) {
    return family.ordinal() * PROTOCOLS + protocol.ordinal();
  }

  int size() {
    return places.length;
  }

  int labelId(int index) {
    return labelIds[index];
  }

  Protocol protocol(int index) {
    int space = places[index] >>> SPACE_SHIFT;
    return space % PROTOCOLS == Protocol.TCP.ordinal() ? Protocol.TCP : Protocol.UDP;
  }

  private IpPrefix prefix(int index) {
    return spaces[places[index] >>> SPACE_SHIFT].prefix(places[index] & (1 << SPACE_SHIFT) - 1);
  }

  /** A binding without its label. */
  Binding key(int index) {
    return new Binding("", protocol(index), prefix(index), ports[index]);
  }

  /** The index of the binding that wins, or -1. The address is as the trie has it. */
  int match(int space, long high, long low, int port) {
    return spaces[space].match(high, low, port);
  }

  /** The best match of a lower rank than this: see {@link BindingTrie#best}. */
  long best(int space, long high, long low, int port, int belowRank) {
    return spaces[space].best(high, low, port, belowRank);
  }

  /** The index of the binding of exactly this prefix and port, or -1. */
  int find(int space, long high, long low, int length, int port) {
    return spaces[space].find(high, low, length, port);
  }

  /** How many bytes the arrays have. */
  long retainedBytes() {
    long tries = Arrays.stream(spaces).mapToLong(BindingTrie::retainedBytes).sum();
    return tries + 4L * (places.length + labelIds.length) + 2L * ports.length;
  }
}
