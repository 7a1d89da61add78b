package io.sluice.proxy.observe;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Which clients one loop looks up most, in memory that doesn't grow: Space-Saving (Metwally,
 * Agrawal, El Abbadi, 2005) in sets of eight, over windows of two seconds.
 *
 * <p>A client that isn't there takes the place of the one with the least count in its set, and
 * begins with that count, as it may have been there before: so no count is too small, and it is too
 * large by what is told as its error. Who makes more than an eighth of its set's lookups is always
 * there.
 *
 * <p>Written by the loop, without objects; read by any thread, which sees a window once it is over,
 * and then has two seconds to read it.
 */
public final class ClientRates {
  /** How long a window is. */
  public static final int WINDOW_MILLIS = 2_000;

  private static final int WAYS = 8;
  private static final int SETS = 128; // a power of two
  private static final int SIZE = SETS * WAYS;
  private static final long MIX = 0x9e37_79b9_7f4a_7c15L;

  private volatile Window current = new Window(0); // filled by the loop
  private volatile Window last = new Window(0);

  /**
   * A client.
   *
   * @param high the address's upper 64 bits; 0 for IPv4
   * @param count in the window
   * @param error by how much that may be too large
   */
  public record Client(Family family, long high, long low, long count, long error) {
    /** Its address. */
    public IpAddress address() {
      return IpAddress.of(family, high, low);
    }
  }

  private static final class Window {
    private final long[] high = new long[SIZE];
    private final long[] low = new long[SIZE];
    private final boolean[] isIpv6 = new boolean[SIZE];
    private final int[] counts = new int[SIZE]; // 0: nobody
    private final int[] errors = new int[SIZE];
    private long beganMillis;

    Window(long beganMillis) {
      this.beganMillis = beganMillis;
    }

    void clear(long nowMillis) {
      Arrays.fill(counts, 0);
      beganMillis = nowMillis;
    }

    void count(boolean ipv6, long addressHigh, long addressLow) {
      long mixed = (addressHigh * 31 + addressLow) * MIX;
      int first = (int) (mixed >>> 57) * WAYS; // 7 bits: the set
      int least = first;
      for (int i = first; i < first + WAYS; i++) {
        if (counts[i] > 0 && low[i] == addressLow && high[i] == addressHigh && isIpv6[i] == ipv6) {
          counts[i]++;
          return;
        }
        least = counts[i] < counts[least] ? i : least;
      }
      errors[least] = counts[least];
      high[least] = addressHigh;
      low[least] = addressLow;
      isIpv6[least] = ipv6;
      counts[least]++;
    }
  }

  /** Counts a lookup's client. On the loop. */
  public void count(LookupContext context) {
    count(context, System.currentTimeMillis());
  }

  void count(LookupContext context, long nowMillis) {
    Window window = current;
    if (nowMillis - window.beganMillis >= WINDOW_MILLIS) {
      Window next = last;
      next.clear(nowMillis);
      last = window;
      current = next;
      window = next;
    }
    window.count(context.family() == Family.IPV6, context.remoteHigh(), context.remoteLow());
  }

  /** The clients of the last window that is over; none if that was long ago. Any thread. */
  public List<Client> clients() {
    return clients(System.currentTimeMillis());
  }

  List<Client> clients(long nowMillis) {
    Window newest = current;
    long age = nowMillis - newest.beganMillis;
    Window window = age >= WINDOW_MILLIS ? newest : last; // nobody has come since the newest ended
    List<Client> clients = new ArrayList<>();
    if (nowMillis - window.beganMillis >= 3 * WINDOW_MILLIS) {
      return clients;
    }
    for (int i = 0; i < SIZE; i++) {
      if (window.counts[i] > 0) {
        Family family = window.isIpv6[i] ? Family.IPV6 : Family.IPV4;
        clients.add(
            new Client(family, window.high[i], window.low[i], window.counts[i], window.errors[i]));
      }
    }
    return clients;
  }
}
