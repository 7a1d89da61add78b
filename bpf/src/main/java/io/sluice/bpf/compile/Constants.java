package io.sluice.bpf.compile;

import static java.lang.constant.ConstantDescs.CD_Object;
import static java.lang.constant.ConstantDescs.CD_int;

import io.sluice.bpf.object.MapSpec;
import io.sluice.steering.map.ArrayMap;
import java.lang.constant.ConstantDescs;
import java.lang.constant.DynamicConstantDesc;
import java.lang.invoke.MethodHandles;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** The maps of a program, as constants of its class: the JVM's compiler knows them. */
final class Constants {
  private final Map<MapSpec, Object> maps;
  private final List<Object> data = new ArrayList<>();
  private final IdentityHashMap<Object, Integer> indexes = new IdentityHashMap<>();

  Constants(Map<MapSpec, Object> maps) {
    this.maps = maps;
  }

  DynamicConstantDesc<Object> map(MapSpec spec) {
    return constant(Objects.requireNonNull(maps.get(spec), spec::name));
  }

  /** The only value of a map. */
  DynamicConstantDesc<Object> value(MapSpec spec) {
    ArrayMap map = (ArrayMap) Objects.requireNonNull(maps.get(spec), spec::name);
    return constant(Objects.requireNonNull(map.lookup(0)));
  }

  private DynamicConstantDesc<Object> constant(Object object) {
    Integer index = indexes.get(object);
    if (index == null) {
      index = data.size();
      data.add(object);
      indexes.put(object, index);
    }
    return DynamicConstantDesc.ofNamed(
        ConstantDescs.ofConstantBootstrap(
            Registers.descriptor(MethodHandles.class), "classDataAt", CD_Object, CD_int),
        ConstantDescs.DEFAULT_NAME,
        CD_Object,
        index);
  }

  List<Object> data() {
    return data;
  }
}
