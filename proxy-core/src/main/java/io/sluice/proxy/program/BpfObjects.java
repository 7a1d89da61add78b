package io.sluice.proxy.program;

import io.sluice.bpf.LookupProgram;
import io.sluice.bpf.isa.RejectedException;
import io.sluice.bpf.object.LinkedProgram;
import io.sluice.bpf.object.MapSpec;
import io.sluice.bpf.object.ObjectFile;
import io.sluice.bpf.run.MapEntries;
import io.sluice.bpf.run.Maps;
import io.sluice.bpf.run.ProgramType;
import io.sluice.config.BpfObject;
import io.sluice.config.ConfigException;
import io.sluice.config.ProgramSpec;
import io.sluice.steering.Errno;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Loads programs of eBPF objects that the configuration names, and fills their maps. */
public final class BpfObjects {
  private final int loops;
  private final Function<String, @Nullable LookupProgram> previous;
  private final Destinations destinations;

  /**
   * @param loops how many threads will run them; 0 is one per core
   * @param previous what ran under a name: maps that are kept come from it
   */
  public BpfObjects(
      int loops, Function<String, @Nullable LookupProgram> previous, Destinations destinations) {
    this.loops = loops > 0 ? loops : Runtime.getRuntime().availableProcessors();
    this.previous = previous;
    this.destinations = destinations;
  }

  /** Finds the socket of a destination. */
  @FunctionalInterface
  public interface Destinations {
    /** Null if there is none. */
    @Nullable Socket socket(String label, Protocol protocol);
  }

  /**
   * Loads a program; the file is read anew.
   *
   * @throws ConfigException with one problem, at the object's place
   */
  public LookupProgram load(ProgramSpec.Bpf spec) throws ConfigException {
    BpfObject from = spec.object();
    LookupProgram before = previous.apply(spec.name());
    try {
      ObjectFile file = ObjectFile.read(Files.readAllBytes(from.file()));
      for (Map.Entry<String, BigInteger> global : from.set().entrySet()) {
        file.set(global.getKey(), global.getValue());
      }
      LinkedProgram program = program(file, from.program(), from.section());
      Maps maps = Maps.forThreads(loops);
      for (Map.Entry<String, BpfObject.Contents> it : from.maps().entrySet()) {
        MapSpec map = named(program, it.getKey());
        if (it.getValue().keep() && before != null) {
          keep(maps, map, before);
        }
      }
      LookupProgram loaded = LookupProgram.load(file, program, maps, from.budget());
      for (Map.Entry<String, BpfObject.Contents> it : from.maps().entrySet()) {
        fill(it.getKey(), maps.of(named(program, it.getKey())), it.getValue());
      }
      return loaded;
    } catch (RejectedException rejected) {
      throw new ConfigException(List.of(from.at().error(from.file() + ": " + rejected.line())));
    } catch (IOException unreadable) {
      throw new ConfigException(
          List.of(from.at().error(from.file() + " can't be read: " + unreadable.getMessage())));
    }
  }

  /**
   * The program that is meant.
   *
   * @param name empty if the section says which
   * @param section empty if the name says which; if both are, it is the only one that runs here
   */
  public static LinkedProgram program(ObjectFile file, String name, String section)
      throws RejectedException {
    if (!name.isEmpty()) {
      return file.program(name);
    }
    if (!section.isEmpty()) {
      return file.programOf(section);
    }
    List<ObjectFile.Entry> ours =
        file.programs().stream().filter(it -> ProgramType.ofSection(it.section()) != null).toList();
    if (ours.size() != 1) {
      throw new RejectedException(
          ours.isEmpty()
              ? "there is no program of section sk_lookup; there is "
                  + file.programs().stream().map(ObjectFile.Entry::section).toList()
              : "there are several programs; name one of "
                  + ours.stream().map(ObjectFile.Entry::name).toList());
    }
    return file.program(ours.getFirst().name());
  }

  private static MapSpec named(LinkedProgram program, String name) throws RejectedException {
    for (MapSpec spec : program.maps()) {
      if (spec.name().equals(name)) {
        return spec;
      }
    }
    throw new RejectedException(
        "program %s uses no map %s; it uses %s".formatted(program.name(), name, program.maps()));
  }

  private static void keep(Maps maps, MapSpec spec, LookupProgram previous) {
    previous
        .maps()
        .forEach((old, map) -> {
          boolean isSame =
              old.name().equals(spec.name())
                  && old.type() == spec.type()
                  && old.keySize() == spec.keySize()
                  && old.valueSize() == spec.valueSize()
                  && old.maxEntries() == spec.maxEntries()
                  && old.flags() == spec.flags();
          if (isSame) {
            maps.use(spec, map);
          }
        });
  }

  private void fill(String name, Object map, BpfObject.Contents contents) throws RejectedException {
    for (Map.Entry<Integer, BpfObject.Destination> it : contents.destinations().entrySet()) {
      BpfObject.Destination wanted = it.getValue();
      Socket socket = destinations.socket(wanted.label(), wanted.protocol());
      int error =
          socket == null ? Errno.ENOENT.negative() : MapEntries.update(map, it.getKey(), socket);
      if (error < 0) {
        throw new RejectedException(
            "map %s takes no destination under %d: %s; it must be a map of sockets with room for it"
                .formatted(name, it.getKey(), Errno.ofResult(error)));
      }
    }
    for (BpfObject.Entry it : contents.entries()) {
      byte[] key = HexFormat.of().parseHex(it.key());
      byte[] value = HexFormat.of().parseHex(it.value());
      int error = MapEntries.update(map, key, value);
      if (error < 0) {
        throw new RejectedException(
            "map %s (%s) takes no entry with a key of %d and a value of %d bytes: %s"
                .formatted(name, map, key.length, value.length, Errno.ofResult(error)));
      }
    }
  }
}
