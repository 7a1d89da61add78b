package io.sluice.steering.map;

import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import java.util.Objects;
import java.util.function.ToIntBiFunction;
import org.jspecify.annotations.Nullable;

/**
 * What a program is given when it is loaded: the socket map, and where in it a label's sockets are.
 * A program's constructor asks for its slots once; a run only looks into the map.
 *
 * @param sockets holds a socket for each destination
 * @param slots a label's index in {@code sockets} for a protocol; negative if there is none
 */
public record ProgramMaps(SockMap sockets, ToIntBiFunction<String, Protocol> slots) {
  public ProgramMaps {
    Objects.requireNonNull(sockets);
    Objects.requireNonNull(slots);
  }

  /**
   * A label's index in {@link #sockets}.
   *
   * @throws IllegalArgumentException if no destination of this protocol has the label
   */
  public int slot(String label, Protocol protocol) {
    int slot = slots.applyAsInt(label, protocol);
    if (slot < 0) {
      throw new IllegalArgumentException(
          "no " + protocol.word() + " destination has the label '" + label + "'");
    }
    return slot;
  }

  /** What is in a slot, to be assigned ({@link LookupContext#assign}); null if nothing is. */
  public @Nullable Socket lookup(int slot) {
    return sockets.lookup(slot);
  }
}
