package io.sluice.steering.binding;

import io.sluice.steering.DropReason;
import io.sluice.steering.Errno;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Program;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.map.SockMap;
import java.util.List;
import java.util.function.ToIntBiFunction;

/** From a label's id to its socket, and that socket into the context: what both programs end in. */
final class LabelSockets {
  private static final Protocol[] PROTOCOLS = Protocol.values();

  private final List<String> labels;
  private final SockMap sockets;
  private final int[] slots; // by label id and protocol

  /**
   * Asks for the slot of each label, for both protocols.
   *
   * @param slots the index in the map; negative if the label has no socket for this protocol
   */
  LabelSockets(List<String> labels, SockMap sockets, ToIntBiFunction<String, Protocol> slots) {
    this.labels = labels;
    this.sockets = sockets;
    this.slots = new int[labels.size() * PROTOCOLS.length];
    for (int labelId = 0; labelId < labels.size(); labelId++) {
      for (Protocol protocol : PROTOCOLS) {
        this.slots[at(labelId, protocol)] = slots.applyAsInt(labels.get(labelId), protocol);
      }
    }
  }

  private static int at(int labelId, Protocol protocol) {
    return labelId * PROTOCOLS.length + protocol.ordinal();
  }

  /**
   * Assigns the label's socket.
   *
   * <p>No socket is a miss, and drops: the traffic is spoken for, and must not end in some other
   * socket that happens to listen there. So does a socket that doesn't fit the packet (assign says
   * why, to the observer). An earlier program's selection stands unless {@code flags} replace it;
   * that is no fault, and passes.
   *
   * @param flags as for {@link LookupContext#assign}
   * @return {@link Program#SK_PASS} or {@link Program#SK_DROP}
   */
  int assign(LookupContext context, int labelId, int flags) {
    Socket socket = sockets.lookup(slots[at(labelId, context.protocol())]);
    if (socket == null) {
      context.observer().missed(labels.get(labelId), context);
      return context.drop(DropReason.MISS);
    }
    int result = context.assign(socket, flags);
    return result == 0 || result == Errno.EEXIST.negative() ? Program.SK_PASS : Program.SK_DROP;
  }

  /** Whether a label has no socket now; for {@code explain}. */
  boolean isMissing(int labelId, Protocol protocol) {
    return sockets.lookup(slots[at(labelId, protocol)]) == null;
  }
}
