package io.sluice.proxy.handover;

import java.util.ArrayList;
import java.util.List;

/**
 * Some of a loop's connections or flows on their way to another daemon, as many as go into one
 * frame. Called on their loop; {@link #records} is read by who sends them.
 */
public final class Parting {
  private final Records records = new Records();
  private final List<Movable> all = new ArrayList<>();

  /** Where the next one is described. */
  public Packer begin() {
    return records.begin();
  }

  /** It is described, and nobody listens to it any more. */
  public void add(Movable described) {
    records.end();
    all.add(described);
  }

  public boolean isFull() {
    return records.isFull();
  }

  public boolean isEmpty() {
    return all.isEmpty();
  }

  public int size() {
    return all.size();
  }

  /** Their descriptions. */
  public Records records() {
    return records;
  }

  /** The other daemon has them, but for those that it didn't take: these come back. */
  public void gone(int[] refused) {
    boolean[] isRefused = new boolean[all.size()];
    for (int index : refused) {
      isRefused[index] = true;
    }
    for (int i = 0; i < isRefused.length; i++) {
      if (isRefused[i]) {
        all.get(i).back();
      } else {
        all.get(i).gone();
      }
    }
  }

  /** The other daemon has none of them. */
  public void back() {
    all.forEach(Movable::back);
  }
}
