package io.sluice.proxy.conformance;

import static io.sluice.proxy.linux.Linux.BPF_MAP_TYPE_ARRAY;
import static io.sluice.proxy.linux.Linux.BPF_MAP_TYPE_ARRAY_OF_MAPS;
import static io.sluice.proxy.linux.Linux.BPF_MAP_TYPE_HASH;
import static io.sluice.proxy.linux.Linux.BPF_MAP_TYPE_HASH_OF_MAPS;
import static io.sluice.proxy.linux.Linux.BPF_MAP_TYPE_LPM_TRIE;
import static io.sluice.proxy.linux.Linux.BPF_MAP_TYPE_REUSEPORT_SOCKARRAY;
import static io.sluice.proxy.linux.Linux.BPF_MAP_TYPE_SOCKHASH;
import static io.sluice.proxy.linux.Linux.BPF_MAP_TYPE_SOCKMAP;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.conformance.MapTwin.Value;
import io.sluice.proxy.linux.Bpf.MapSpec;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
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
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Random operations on maps have the answers that bpf(2) gives. */
@Tag("conformance")
class MapOperationsConformanceTest {
  private static final int DATA_OPERATIONS = 15_000;
  private static final int ROUNDS = 25;
  private static final int SOCKET_OPERATIONS = 800;
  private static final int OPERATIONS_OF_MAPS = 150; // the kernel waits some 10 ms at an update
  private static final int ENTRIES = 8;

  private static final Socket CLOSED = Socket.bound(Protocol.TCP, IpAddress.ANY_IPV4, 1).build();

  static {
    CLOSED.close();
  }

  private final Kernel kernel = new Kernel();
  private final Tally tally = Tally.seeded();

  @BeforeAll
  static void kernelTakesPrograms() {
    Kernel.assumeItTakesPrograms();
  }

  @Test
  void dataMapsAnswerAsTheKernels() {
    MapTwin array =
        twin("array", BPF_MAP_TYPE_ARRAY, 4, 8, EngineMaps.of(new ArrayMap(8, ENTRIES)));
    MapTwin hash =
        twin("hash", BPF_MAP_TYPE_HASH, 4, 8, EngineMaps.of(new HashTable(4, 8, ENTRIES)));
    MapTwin trie =
        twin("trie", BPF_MAP_TYPE_LPM_TRIE, 8, 8, EngineMaps.of(new LpmTrie(8, 8, ENTRIES)));
    List<MapTwin> maps = List.of(array, hash, trie);
    compare(maps, DATA_OPERATIONS, EngineMaps::hex, tally.random());
    finish("data maps", maps);
  }

  @Test
  void socketMapsAnswerAsTheKernels() {
    for (int i = 0; i < ROUNDS && !tally.isFull(); i++) {
      Random random = new Random(tally.random().nextLong());
      try (World world = new World(kernel, random)) {
        Map<Long, Object> byCookie = new HashMap<>(world.byCookie);
        List<MapTwin> maps = socketMaps(world);
        for (int j = 0; j < 10 && !tally.isFull(); j++) {
          compare(
              maps,
              SOCKET_OPERATIONS / 10,
              value -> byCookie.getOrDefault(Kernel.bytes(8).put(value).getLong(0), "unknown"),
              random);
          world.stir();
        }
        tally.differences(world.maps.takeDifferences());
        maps.forEach(map -> kernel.close(map.fd()));
      }
    }
    finish("socket maps", List.of());
  }

  @Test
  void mapsOfMapsAnswerAsTheKernels() {
    BpfMap template = new ArrayMap(8, 4);
    int templateFd = kernel.map(BPF_MAP_TYPE_ARRAY, 4, 8, 4);
    List<Value> inner = new ArrayList<>();
    inner.add(new Value("template", Kernel.word(templateFd), template));
    inner.add(inner("same", kernel.map(BPF_MAP_TYPE_ARRAY, 4, 8, 4), new ArrayMap(8, 4)));
    inner.add(inner("longer", kernel.map(BPF_MAP_TYPE_ARRAY, 4, 8, 5), new ArrayMap(8, 5)));
    inner.add(inner("wider", kernel.map(BPF_MAP_TYPE_ARRAY, 4, 16, 4), new ArrayMap(16, 4)));
    inner.add(inner("hash", kernel.map(BPF_MAP_TYPE_HASH, 4, 8, 4), new HashTable(4, 8, 4)));
    List<MapTwin> maps =
        List.of(
            ofMaps("array of maps", BPF_MAP_TYPE_ARRAY_OF_MAPS, templateFd, inner, template),
            ofMaps("hash of maps", BPF_MAP_TYPE_HASH_OF_MAPS, templateFd, inner, template));
    Map<Integer, Object> ids = kernelIds(templateFd, inner);
    compare(
        maps,
        OPERATIONS_OF_MAPS,
        value -> ids.getOrDefault(MapTwin.index(value), "unknown"),
        tally.random());
    inner.forEach(value -> kernel.close(MapTwin.index(value.kernel)));
    finish("maps of maps", maps);
  }

  /** Our id by the kernel's id, which a map of maps tells. */
  private Map<Integer, Object> kernelIds(int templateFd, List<Value> inner) {
    Map<Integer, Object> ids = new HashMap<>();
    MapSpec spec = new MapSpec(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 1, 0, templateFd, "ids");
    int map = Kernel.check("ids", kernel.bpf.createMap(spec));
    byte[] id = new byte[4];
    for (Value value : inner) {
      if (kernel.bpf.update(map, Kernel.word(0), value.kernel, 0) == 0
          && kernel.bpf.lookup(map, Kernel.word(0), id) == 0
          && value.engine instanceof BpfMap engine) {
        ids.put(MapTwin.index(id), engine.id());
      }
    }
    kernel.close(map);
    return ids;
  }

  private void compare(
      List<MapTwin> maps, int operations, Function<byte[], Object> told, Random random) {
    for (int i = 0; i < operations && !tally.isFull(); i++) {
      for (MapTwin map : maps) {
        String difference = map.step(random, told, tally);
        if (difference != null) {
          tally.difference(difference);
        }
      }
    }
  }

  private void finish(String what, List<MapTwin> maps) {
    maps.forEach(map -> kernel.close(map.fd()));
    tally.print(what);
    assertThat(tally.differences()).isEmpty();
  }

  private MapTwin twin(String name, int type, int keyBytes, int valueBytes, MapTwin.Engine engine) {
    int fd = kernel.map(type, keyBytes, valueBytes, ENTRIES);
    return new MapTwin(
        name,
        kernel,
        fd,
        valueBytes,
        switch (name) {
          case "array" -> MapTwin.indexes(ENTRIES);
          case "hash" -> MapTwin.words(ENTRIES);
          default -> MapTwin::prefixes;
        },
        MapTwin::bytes,
        !name.equals("hash"),
        engine);
  }

  private List<MapTwin> socketMaps(World world) {
    List<MapTwin> maps = new ArrayList<>();
    for (int size : new int[] {8, 4}) {
      MapTwin.Engine sockMap = EngineMaps.of(new SockMap(4, size, ENTRIES));
      maps.add(sockets("sockmap " + size, world, BPF_MAP_TYPE_SOCKMAP, size, sockMap));
      MapTwin.Engine sockHash = EngineMaps.of(new SockHash(4, size, ENTRIES));
      maps.add(sockets("sockhash " + size, world, BPF_MAP_TYPE_SOCKHASH, size, sockHash));
      for (int i = 0; i < 2; i++) {
        MapTwin.Engine array = EngineMaps.of(new ReuseportSockArray(4, size, ENTRIES, 0));
        maps.add(
            sockets("sockarray " + size, world, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, size, array));
      }
    }
    return maps;
  }

  private MapTwin sockets(String name, World world, int type, int size, MapTwin.Engine engine) {
    boolean hash = type == BPF_MAP_TYPE_SOCKHASH;
    return new MapTwin(
        name,
        kernel,
        kernel.map(type, 4, size, ENTRIES),
        size,
        hash ? MapTwin.words(ENTRIES) : MapTwin.indexes(ENTRIES),
        random -> socket(world, size, random),
        !hash,
        engine);
  }

  /** Often one that a sockarray takes; sometimes none, or a closed one. */
  private static Value socket(World world, int size, Random random) {
    int which = random.nextInt(30);
    Twin twin = world.twins.get(random.nextInt(world.twins.size()));
    boolean closed = which == 0 || twin.socket.isClosed();
    int fd = which == 1 ? -1 : closed ? MapTwin.CLOSED_FD : twin.fd;
    @Nullable Socket socket = which == 1 ? null : closed ? CLOSED : twin.socket;
    byte[] value = size == 8 ? Kernel.doubleWord(fd) : Kernel.word(fd);
    return new Value(which == 1 ? "-1" : closed ? "closed" : twin.toString(), value, socket);
  }

  private static Value inner(String name, int fd, BpfMap engine) {
    return new Value(name, Kernel.word(fd), engine);
  }

  private MapTwin ofMaps(
      String name, int type, int templateFd, List<Value> inner, BpfMap template) {
    MapSpec spec = new MapSpec(type, 4, 4, ENTRIES, 0, templateFd, "outer");
    boolean hash = type == BPF_MAP_TYPE_HASH_OF_MAPS;
    return new MapTwin(
        name,
        kernel,
        Kernel.check(name, kernel.bpf.createMap(spec)),
        4,
        hash ? MapTwin.words(ENTRIES) : MapTwin.indexes(ENTRIES),
        MapTwin.choice(inner),
        !hash,
        hash
            ? EngineMaps.of(new HashOfMaps<>(4, ENTRIES, template, () -> {}))
            : EngineMaps.of(new ArrayOfMaps<>(ENTRIES, template, () -> {})));
  }
}
