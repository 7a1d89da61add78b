package io.sluice.bpf.object;

import io.sluice.bpf.isa.RejectedException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The maps of an object file: those declared by BTF in {@code .maps}, those of the older section
 * {@code maps}, and the sections of globals. A map that can't be read is a problem only if a
 * program uses it.
 */
final class MapReader {
  private static final int LEGACY_BYTES = 16;
  private static final int MAX_GLOBALS_BYTES = 16 << 20;

  private final Elf elf;
  private final @Nullable Btf btf;
  private final Map<String, MapSpec> maps = new LinkedHashMap<>();
  private final Map<Place, MapSpec> places = new HashMap<>();
  private final Map<Place, String> unreadable = new HashMap<>();

  private record Place(int section, long offset) {}

  MapReader(Elf elf, @Nullable Btf btf) throws RejectedException {
    this.elf = elf;
    this.btf = btf;
    for (Elf.Section section : elf.sections()) {
      if (section.name().equals(".maps")) {
        declared(section);
      } else if (section.name().equals("maps")) {
        legacy(section);
      } else if (isGlobals(section.name())) {
        globals(section);
      }
    }
  }

  static boolean isGlobals(String section) {
    return isOf(section, ".rodata") || isOf(section, ".data") || isOf(section, ".bss");
  }

  private static boolean isOf(String section, String name) {
    return section.equals(name) || section.startsWith(name + ".");
  }

  private void globals(Elf.Section section) throws RejectedException {
    if (section.size() == 0) {
      return;
    }
    if (section.size() < 0 || section.size() > MAX_GLOBALS_BYTES) {
      throw new RejectedException(
          "section %s has %d bytes; at most %d are taken"
              .formatted(section.name(), section.size(), MAX_GLOBALS_BYTES));
    }
    byte[] contents =
        section.type() == Elf.SHT_NOBITS ? new byte[(int) section.size()] : section.bytes().copy();
    maps.put(
        section.name(),
        MapSpec.ofGlobals(section.name(), contents, isOf(section.name(), ".rodata")));
  }

  private void legacy(Elf.Section section) {
    for (Elf.Symbol symbol : elf.symbols()) {
      if (symbol.section() != section.index() || symbol.type() == Elf.STT_SECTION) {
        continue;
      }
      try {
        Bytes it = section.bytes().part(symbol.value(), LEGACY_BYTES, "map " + symbol.name());
        int flags =
            symbol.size() >= LEGACY_BYTES + 4 ? section.bytes().intAt(symbol.value() + 16) : 0;
        add(
            new Place(section.index(), symbol.value()),
            new MapSpec(
                symbol.name(),
                it.intAt(0),
                it.intAt(4),
                it.intAt(8),
                it.intAt(12),
                flags,
                null,
                null,
                List.of(),
                0,
                0));
      } catch (RejectedException wrong) {
        unreadable.put(new Place(section.index(), symbol.value()), wrong.line());
      }
    }
  }

  private void declared(Elf.Section section) throws RejectedException {
    Btf.Type variables = btf == null ? null : btf.dataSection(".maps");
    if (btf == null || variables == null) {
      throw new RejectedException("section .maps without BTF: compile it with clang -g");
    }
    for (Btf.Member member : variables.members()) {
      Btf.Type variable = btf.type(member.type());
      // In an object that isn't linked, only the symbol knows where the variable is.
      Elf.Symbol symbol = symbol(section.index(), variable.name());
      if (symbol == null) {
        continue;
      }
      Place place = new Place(section.index(), symbol.value());
      try {
        add(place, declared(variable.name(), variable.size(), section, symbol.value()));
      } catch (RejectedException wrong) {
        unreadable.put(place, wrong.line());
      }
    }
  }

  private Elf.@Nullable Symbol symbol(int section, String name) {
    return elf.symbols().stream()
        .filter(it -> it.section() == section && it.name().equals(name))
        .findFirst()
        .orElse(null);
  }

  /** A map by the struct that declares it: its members say what it is like. */
  private MapSpec declared(String name, int typeId, Elf.Section section, long at)
      throws RejectedException {
    Btf types = Objects.requireNonNull(btf);
    Btf.Type struct = types.resolved(typeId);
    if (struct.kind() != Btf.STRUCT) {
      throw new RejectedException("map " + name + " isn't declared by a struct");
    }
    Map<String, Integer> numbers = new HashMap<>();
    MapSpec inner = null;
    int keyType = 0;
    int valueType = 0;
    List<MapSpec.Initial> initials = new ArrayList<>();
    for (Btf.Member member : struct.members()) {
      switch (member.name()) {
        case "type", "key_size", "value_size", "max_entries", "map_flags", "pinning" ->
            numbers.put(member.name(), types.number(member.type()));
        case "key" -> {
          keyType = types.pointedAt(member.type());
          numbers.put("key_size", types.sizeOf(keyType));
        }
        case "value" -> {
          valueType = types.pointedAt(member.type());
          numbers.put("value_size", types.sizeOf(valueType));
        }
        case "values" -> {
          inner = inner(types, name, member, section);
          numbers.put("value_size", Integer.BYTES);
          initials = initials(section, at < 0 ? at : at + member.offset() / 8);
        }
        case "map_extra", "numa_node" -> {}
        default ->
            throw new RejectedException(
                "map %s: member %s isn't known".formatted(name, member.name()));
      }
    }
    return new MapSpec(
        name,
        numbers.getOrDefault("type", 0),
        numbers.getOrDefault("key_size", 0),
        numbers.getOrDefault("value_size", 0),
        numbers.getOrDefault("max_entries", 0),
        numbers.getOrDefault("map_flags", 0),
        inner,
        null,
        initials,
        keyType,
        valueType);
  }

  private @Nullable MapSpec inner(Btf types, String name, Btf.Member values, Elf.Section section)
      throws RejectedException {
    Btf.Type array = types.resolved(values.type());
    if (array.kind() != Btf.ARRAY) {
      throw new RejectedException("map " + name + ": its values are no array");
    }
    int declaration = types.pointedAt(array.elementType());
    Btf.Type target = types.resolved(declaration);
    return target.kind() == Btf.STRUCT && !name.endsWith(".inner")
        ? declared(name + ".inner", declaration, section, -1)
        : null;
  }

  private List<MapSpec.Initial> initials(Elf.Section section, long at) {
    List<MapSpec.Initial> initials = new ArrayList<>();
    if (at < 0) {
      return initials;
    }
    elf.relocationsOf(section.index())
        .forEach((offset, relocation) -> {
          long index = (offset - at) / Long.BYTES;
          boolean isOwn = offset >= at && relocation.symbol().section() > 0;
          if (isOwn && isWithin(section, at, offset)) {
            initials.add(new MapSpec.Initial((int) index, relocation.symbol().name()));
          }
        });
    initials.sort(Comparator.comparingInt(MapSpec.Initial::index));
    return initials;
  }

  /** Whether no other map begins between two places of a section. */
  private boolean isWithin(Elf.Section section, long from, long to) {
    return elf.symbols().stream()
        .filter(it -> it.section() == section.index() && it.type() == Elf.STT_OBJECT)
        .noneMatch(it -> it.value() > from && it.value() <= to);
  }

  private void add(Place place, MapSpec map) {
    maps.put(map.name(), map);
    places.put(place, map);
  }

  /** All maps by name, those of globals too. */
  Map<String, MapSpec> maps() {
    return maps;
  }

  /** The map at a place of a section. */
  MapSpec at(Elf.Section section, long offset) throws RejectedException {
    Place place = new Place(section.index(), offset);
    MapSpec map = places.get(place);
    if (map == null) {
      throw new RejectedException(
          unreadable.getOrDefault(
              place, "no map at byte %d of section %s".formatted(offset, section.name())));
    }
    return map;
  }
}
