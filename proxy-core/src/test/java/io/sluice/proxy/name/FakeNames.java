package io.sluice.proxy.name;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Names that have the addresses that a test says, for a second. */
public final class FakeNames implements NameLookup {
  private final Map<String, Answer> answers = new ConcurrentHashMap<>();
  private final Map<String, Integer> asked = new ConcurrentHashMap<>();

  /** Addresses; none: the name doesn't exist. */
  public void answer(String name, String... addresses) {
    List<IpAddress> all = Stream.of(addresses).map(IpAddress::parse).toList();
    answers.put(name, new Answer(of(all, Family.IPV4), of(all, Family.IPV6), 1_000));
  }

  private static List<IpAddress> of(List<IpAddress> all, Family family) {
    return all.stream().filter(it -> it.family() == family).toList();
  }

  public void answer(String name, Answer answer) {
    answers.put(name, answer);
  }

  public int asked(String name) {
    return asked.getOrDefault(name, 0);
  }

  @Override
  public @Nullable Answer known(String name) {
    asked.merge(name, 1, Integer::sum);
    return answers.get(name);
  }

  /** Nobody ever answers for names that the test has said nothing about. */
  @Override
  public void ask(String name, Consumer<Answer> then) {}

  @Override
  public void close() {}
}
