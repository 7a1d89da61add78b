package io.sluice.proxy.conformance;

import io.sluice.steering.Socket;
import io.sluice.steering.map.ArrayMap;
import io.sluice.steering.map.ArrayOfMaps;
import io.sluice.steering.map.BpfMap;
import io.sluice.steering.map.HashOfMaps;
import io.sluice.steering.map.HashTable;
import io.sluice.steering.map.LpmTrie;
import io.sluice.steering.map.ReuseportSockArray;
import io.sluice.steering.map.SockHash;
import io.sluice.steering.map.SockMap;
import java.util.HexFormat;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/** The engine's maps behind one interface. */
final class EngineMaps {
  private EngineMaps() {}

  private interface Update {
    int of(byte[] key, @Nullable Object value, long flags);
  }

  private interface Next {
    int of(byte @Nullable [] key, byte[] next);
  }

  private interface NextIndex {
    int of(int index);
  }

  private record Adapter(
      Update updates,
      Function<byte[], Integer> deletes,
      Function<byte[], Object> lookups,
      Next next)
      implements MapTwin.Engine {
    @Override
    public int update(byte[] key, @Nullable Object value, long flags) {
      return updates.of(key, value, flags);
    }

    @Override
    public int delete(byte[] key) {
      return deletes.apply(key);
    }

    @Override
    public Object lookup(byte[] key) {
      return lookups.apply(key);
    }

    @Override
    public int nextKey(byte @Nullable [] key, byte[] to) {
      return next.of(key, to);
    }
  }

  private static Next indexes(NextIndex next) {
    return (key, to) -> MapTwin.nextIndex(next.of(key == null ? -1 : MapTwin.index(key)), to);
  }

  private static Object read(int valueBytes, ToIntFunction<byte[]> copying) {
    byte[] value = new byte[valueBytes];
    int result = copying.applyAsInt(value);
    return result < 0 ? result : hex(value);
  }

  static String hex(byte[] value) {
    return HexFormat.of().formatHex(value);
  }

  static MapTwin.Engine of(ArrayMap map) {
    return new Adapter(
        (key, value, flags) -> map.update(MapTwin.index(key), bytes(value), flags),
        key -> map.delete(MapTwin.index(key)),
        key -> read(map.valueSize(), value -> map.lookupCopy(MapTwin.index(key), value)),
        indexes(map::nextKey));
  }

  static MapTwin.Engine of(HashTable map) {
    return new Adapter(
        (key, value, flags) -> map.update(key, bytes(value), flags),
        map::delete,
        key -> read(map.valueSize(), value -> map.lookupCopy(key, value)),
        map::nextKey);
  }

  static MapTwin.Engine of(LpmTrie map) {
    return new Adapter(
        (key, value, flags) -> map.update(key, bytes(value), flags),
        map::delete,
        key -> read(map.valueSize(), value -> map.lookupCopy(key, value)),
        map::nextKey);
  }

  static MapTwin.Engine of(SockMap map) {
    return new Adapter(
        (key, value, flags) -> map.update(MapTwin.index(key), (Socket) value, flags),
        key -> map.delete(MapTwin.index(key)),
        key -> socket(map.lookupCookie(MapTwin.index(key)), map.lookup(MapTwin.index(key))),
        indexes(map::nextKey));
  }

  static MapTwin.Engine of(SockHash map) {
    return new Adapter(
        (key, value, flags) -> map.update(key, (Socket) value, flags),
        map::delete,
        key -> socket(map.lookupCookie(key), map.lookup(key)),
        map::nextKey);
  }

  static MapTwin.Engine of(ReuseportSockArray map) {
    return new Adapter(
        (key, value, flags) -> map.update(MapTwin.index(key), (Socket) value, flags),
        key -> map.delete(MapTwin.index(key)),
        key -> socket(map.lookupCookie(MapTwin.index(key)), map.lookup(MapTwin.index(key))),
        indexes(map::nextKey));
  }

  static MapTwin.Engine of(ArrayOfMaps<BpfMap> map) {
    return new Adapter(
        (key, value, flags) -> map.update(MapTwin.index(key), (BpfMap) value, flags),
        key -> map.delete(MapTwin.index(key)),
        key -> map.lookupId(MapTwin.index(key)),
        indexes(map::nextKey));
  }

  static MapTwin.Engine of(HashOfMaps<BpfMap> map) {
    return new Adapter(
        (key, value, flags) -> map.update(key, (BpfMap) value, flags),
        map::delete,
        map::lookupId,
        map::nextKey);
  }

  private static Object socket(long cookie, @Nullable Socket socket) {
    return cookie < 0 || socket == null ? (int) cookie : socket;
  }

  private static byte[] bytes(@Nullable Object value) {
    return value instanceof byte[] bytes ? bytes : new byte[0];
  }
}
