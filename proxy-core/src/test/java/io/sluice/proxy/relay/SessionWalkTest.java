package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.observe.SessionFilter;
import io.sluice.proxy.observe.SessionState;
import io.sluice.proxy.observe.SessionWalk;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Walking through a loop's connections while they come and go. */
final class SessionWalkTest {
  private final Sessions sessions = new Sessions();
  private final List<Sessions.Entry> seen = new ArrayList<>();

  private int looks; // of all walks
  private boolean isWanted = true;

  private final class Connection extends Sessions.Entry {
    @Override
    boolean pack(Packer out) {
      throw new UnsupportedOperationException();
    }

    @Override
    void depart() {
      throw new UnsupportedOperationException();
    }

    @Override
    public void gone() {
      throw new UnsupportedOperationException();
    }

    @Override
    public void back() {
      throw new UnsupportedOperationException();
    }

    @Override
    void begin() {}

    @Override
    void shutdown() {}

    @Override
    boolean matches(SessionFilter filter) {
      looks++;
      return isWanted;
    }

    @Override
    SessionState state() {
      throw new IllegalStateException("not asked");
    }

    @Override
    void kill() {}

    @Override
    protected long deadlineMillis() {
      return 0;
    }

    @Override
    protected void expired() {}
  }

  private List<Connection> connections(int count) {
    List<Connection> all = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Connection connection = new Connection();
      sessions.add(connection);
      all.addFirst(connection); // the newest is the first in the list
    }
    return all;
  }

  private SessionWalk walk() {
    return sessions.walk(SessionFilter.ALL, seen::add);
  }

  @Test
  void eachIsSeenOnce() {
    List<Connection> all = connections(5);
    SessionWalk walk = walk();
    assertThat(walk.step(2)).isTrue();
    assertThat(walk.step(2)).isTrue();
    assertThat(walk.step(2)).isFalse();
    assertThat(seen).containsExactlyElementsOf(all);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void ofAHundredThousandNoStepLooksAtMoreThanItMay(boolean wanted) {
    isWanted = wanted;
    int count = 100_000;
    int most = 128; // as the daemon's list does, each step a task of the loop
    for (int i = 0; i < count; i++) {
      sessions.add(new Connection());
    }
    SessionWalk walk = walk();
    int steps = 0;
    boolean hasMore = true;
    while (hasMore) {
      int before = looks;
      hasMore = walk.step(most);
      assertThat(looks - before).isLessThanOrEqualTo(most);
      steps++;
    }
    assertThat(looks).isEqualTo(count);
    assertThat(seen).hasSize(wanted ? count : 0);
    assertThat(steps).isGreaterThanOrEqualTo(count / most);
  }

  @Test
  void theNextMayEndBetweenTwoSteps() {
    List<Connection> all = connections(4);
    SessionWalk walk = walk();
    assertThat(walk.step(1)).isTrue();
    sessions.remove(all.get(1));
    sessions.remove(all.get(2));
    assertThat(walk.step(9)).isFalse();
    assertThat(seen).containsExactly(all.get(0), all.get(3));
  }

  @Test
  void whatBeginsMeanwhileDoesNotEndTheWalk() {
    List<Connection> all = connections(3);
    SessionWalk walk = walk();
    assertThat(walk.step(1)).isTrue();
    List<Connection> _ = connections(3);
    assertThat(walk.step(9)).isFalse();
    assertThat(seen).containsExactlyElementsOf(all);
  }

  @Test
  void anEntryMayRemoveItself() {
    List<Connection> all = connections(3);
    SessionWalk walk =
        sessions.walk(
            SessionFilter.ALL,
            it -> {
              seen.add(it);
              sessions.remove(it);
            });
    assertThat(walk.step(9)).isFalse();
    assertThat(seen).containsExactlyElementsOf(all);
  }
}
