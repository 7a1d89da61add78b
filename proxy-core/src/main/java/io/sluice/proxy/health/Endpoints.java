package io.sluice.proxy.health;

import io.sluice.config.TargetAddress;
import io.sluice.steering.Protocol;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.HashMap;
import java.util.Map;

/**
 * The endpoints there are, by protocol and address: who asks for the same gets the same, for as
 * long as any target or session has it. Any thread.
 */
public final class Endpoints {
  private final Map<Key, Known> known = new HashMap<>(); // under the lock
  private final ReferenceQueue<Endpoint> unused = new ReferenceQueue<>();
  private final Timer timer;
  private volatile Changes listener = (_, _, _) -> {};

  private record Key(Protocol protocol, TargetAddress address) {}

  private static final class Known extends WeakReference<Endpoint> {
    private final Key key;

    Known(Key key, Endpoint endpoint, ReferenceQueue<Endpoint> unused) {
      super(endpoint, unused);
      this.key = key;
    }
  }

  public Endpoints(Timer timer) {
    this.timer = timer;
  }

  /** The endpoint of an address. */
  public synchronized Endpoint of(Protocol protocol, TargetAddress address) {
    forgetUnused();
    Key key = new Key(protocol, address);
    Reference<Endpoint> before = known.get(key);
    Endpoint endpoint = before == null ? null : before.get();
    if (endpoint == null) {
      endpoint = own(protocol, address);
      known.put(key, new Known(key, endpoint, unused));
    }
    return endpoint;
  }

  /** One that isn't shared: its address is another for each client. */
  public Endpoint own(Protocol protocol, TargetAddress address) {
    return new Endpoint(protocol, address, timer, this::changed);
  }

  /** Has somebody hear of all changes, after they have been logged. */
  public void listener(Changes listener) {
    this.listener = listener;
  }

  private void changed(Endpoint endpoint, Status before, Status after) {
    ChangeLog.write(endpoint, before, after);
    listener.changed(endpoint, before, after);
  }

  private void forgetUnused() {
    for (Reference<?> gone = unused.poll(); gone != null; gone = unused.poll()) {
      known.remove(((Known) gone).key, gone);
    }
  }
}
