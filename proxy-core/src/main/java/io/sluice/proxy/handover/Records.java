package io.sluice.proxy.handover;

import io.sluice.proxy.linux.DescriptorMessage;
import java.util.ArrayList;
import java.util.List;

/**
 * Descriptions of several things in one frame, each with its length and its number of descriptors,
 * so that one that can't be taken leaves the others alone.
 *
 * <pre>
 *   count(2)   then for each:  descriptors(1)  length(4)  description …
 * </pre>
 *
 * <p>Belongs to one thread.
 */
public final class Records {
  /** How many bytes make a frame full. */
  private static final int FULL_BYTES = 256 << 10;

  /** How many descriptors one description may have: two sockets and two pipes. */
  private static final int MOST_DESCRIPTORS = 6;

  private final Packer all = new Packer().u16(0);
  private final Packer one = new Packer();
  private int count;

  /** Where the next thing is described. */
  public Packer begin() {
    one.clear();
    return one;
  }

  /** The thing is described. */
  public void end() {
    all.u8(one.descriptorCount()).add(one);
    count++;
  }

  public int count() {
    return count;
  }

  /** Whether another one may not fit. */
  public boolean isFull() {
    return all.size() >= FULL_BYTES
        || all.descriptorCount() + MOST_DESCRIPTORS > DescriptorMessage.MOST;
  }

  /** The frame's fields. */
  public Packer fields() {
    all.u16At(0, count);
    return all;
  }

  /** The descriptions in a frame, each with its descriptors; the caller's to close. */
  public static List<Unpacker> split(Unpacker fields) {
    List<Unpacker> each = new ArrayList<>();
    for (int left = fields.u16(); left > 0; left--) {
      int[] descriptors = new int[fields.u8()];
      byte[] description = fields.bytes();
      for (int i = 0; i < descriptors.length; i++) {
        descriptors[i] = fields.descriptor();
      }
      each.add(new Unpacker(description, descriptors));
    }
    return each;
  }
}
