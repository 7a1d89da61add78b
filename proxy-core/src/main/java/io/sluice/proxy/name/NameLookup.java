package io.sluice.proxy.name;

import io.sluice.steering.IpAddress;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Where names' addresses are found out. Any thread. */
public interface NameLookup extends AutoCloseable {
  /**
   * What a name stands for.
   *
   * @param ipv4 empty if it has none; null if that could not be found out
   * @param ipv6 the same
   * @param ttlMillis for how long it holds
   */
  record Answer(@Nullable List<IpAddress> ipv4, @Nullable List<IpAddress> ipv6, long ttlMillis) {
    /** Nothing could be found out. */
    public static final Answer FAILED = new Answer(null, null, 0);
  }

  /** The answer that needs nobody to be asked; null if there is none. Must not wait. */
  @Nullable Answer known(String name);

  /** Asks. The answer comes later, on any thread, once; it may be that it failed. Must not wait. */
  void ask(String name, Consumer<Answer> then);

  @Override
  void close();
}
