package io.sluice.bpf.object;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A map as an object file declares it; two of the same are the same object. */
public final class MapSpec {
  private final String name;
  private final int type;
  private final int keySize;
  private final int valueSize;
  private final int maxEntries;
  private final int flags;
  private final @Nullable MapSpec inner;
  private final byte @Nullable [] contents;
  private final List<Initial> initials;
  private final int keyType;
  private final int valueType;

  /** A slot of a map of maps, or of a program array, that the object file fills. */
  public record Initial(int index, String name) {}

  /**
   * @param type the kernel's number (BPF_MAP_TYPE_…)
   * @param flags the kernel's (BPF_F_…)
   * @param inner what the maps in it are like, of a map of maps
   * @param contents of a section of globals: what its only value holds at first
   * @param initials what {@code values} names
   * @param keyType the key's type in the BTF; 0 if it isn't told
   * @param valueType the value's
   */
  MapSpec(
      String name,
      int type,
      int keySize,
      int valueSize,
      int maxEntries,
      int flags,
      @Nullable MapSpec inner,
      byte @Nullable [] contents,
      List<Initial> initials,
      int keyType,
      int valueType) {
    this.name = name;
    this.type = type;
    this.keySize = keySize;
    this.valueSize = valueSize;
    this.maxEntries = maxEntries;
    this.flags = flags;
    this.inner = inner;
    this.contents = contents;
    this.initials = List.copyOf(initials);
    this.keyType = keyType;
    this.valueType = valueType;
  }

  /** A map without BTF, as tests and embedders write it. */
  public static MapSpec of(
      String name, MapKind kind, int keySize, int valueSize, int maxEntries, int flags) {
    return new MapSpec(
        name, kind.number(), keySize, valueSize, maxEntries, flags, null, null, List.of(), 0, 0);
  }

  /** A section of globals: an array of one value. */
  static MapSpec ofGlobals(String section, byte[] contents, boolean readOnly) {
    int flags = readOnly ? 0x80 : 0; // BPF_F_RDONLY_PROG
    return new MapSpec(section, 2, 4, contents.length, 1, flags, null, contents, List.of(), 0, 0);
  }

  public String name() {
    return name;
  }

  /** The kernel's number. */
  public int type() {
    return type;
  }

  /** Its kind; null if we have none of the sort. */
  public @Nullable MapKind kind() {
    return MapKind.of(type);
  }

  /** In bytes. */
  public int keySize() {
    return keySize;
  }

  /** In bytes. */
  public int valueSize() {
    return valueSize;
  }

  public int maxEntries() {
    return maxEntries;
  }

  public int flags() {
    return flags;
  }

  public @Nullable MapSpec inner() {
    return inner;
  }

  /** Whether it is a section of globals. */
  public boolean isGlobals() {
    return contents != null;
  }

  /** Whether programs may not write into it. */
  public boolean isReadOnly() {
    return (flags & 0x80) != 0;
  }

  /** What a section of globals holds at first; the array itself, to be patched before loading. */
  public byte @Nullable [] contents() {
    return contents;
  }

  public List<Initial> initials() {
    return initials;
  }

  public int keyType() {
    return keyType;
  }

  public int valueType() {
    return valueType;
  }

  @Override
  public String toString() {
    return name;
  }
}
