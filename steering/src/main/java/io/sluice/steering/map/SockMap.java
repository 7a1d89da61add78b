package io.sluice.steering.map;

import io.sluice.steering.Socket;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/** BPF_MAP_TYPE_SOCKMAP: sockets by index. Readers never block; any thread may write. */
public final class SockMap {
  private final AtomicReferenceArray<@Nullable Socket> slots;

  public SockMap(int maxEntries) {
    this.slots = new AtomicReferenceArray<>(maxEntries);
  }

  /** What a program's lookup gives: the socket, or null for an empty or out-of-range index. */
  public @Nullable Socket lookup(int index) {
    return index >= 0 && index < slots.length() ? slots.get(index) : null;
  }

  /** Puts a socket into a slot, atomically. */
  public void update(int index, Socket socket) {
    slots.set(index, socket);
  }
}
