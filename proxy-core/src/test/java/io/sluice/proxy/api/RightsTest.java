package io.sluice.proxy.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.config.AdminSocketSpec;
import io.sluice.proxy.linux.PeerCredentials;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class RightsTest {
  private static final int OWN_UID = 500;

  private static Rights rights(List<String> users, List<String> groups, List<String> readers)
      throws IOException {
    return new Rights(new AdminSocketSpec(null, false, users, groups, readers), OWN_UID);
  }

  @ParameterizedTest
  @CsvSource({
    "   0,     0, CHANGE", // root
    " 500,   500, CHANGE", // the daemon's own user
    "1000,   100, CHANGE", // a user that is named
    "1001,   100, READ", // a reader
    "1002,   100, READ", // a user and a reader
    "1003,   200, CHANGE", // of a group that is named
    "1004,   300, READ", // of a reading group
    "1005,   400, READ", // of a group and reading group
    "1000,   300, CHANGE", // whoever is named goes by that, not by the groups
    "1001,   200, READ",
    "1006,   100, NONE",
    "65534, 65534, NONE",
  })
  void whoIsNamedGoesByThatElseByTheGroups(int uid, int gid, Right right) throws IOException {
    Rights rights =
        rights(
            List.of("1000", "1002"), List.of("200", "400"), List.of("1001", "1002", "300", "400"));
    // 1001 and 1002 are groups as well, of which nobody here is a member.
    assertThat(rights.of(new PeerCredentials(1, uid, List.of(gid)))).isEqualTo(right);
  }

  @Test
  void supplementaryGroupsCount() throws IOException {
    assertThat(
            rights(List.of(), List.of("200"), List.of())
                .of(new PeerCredentials(1, 1000, Arrays.asList(100, 150, 200))))
        .isEqualTo(Right.CHANGE);
  }

  @Test
  void namesAreThoseOfThisMachine() throws IOException {
    Rights rights = rights(List.of("root"), List.of(), List.of("daemon"));
    assertThat(rights.of(new PeerCredentials(1, 1, List.of(99)))).isEqualTo(Right.READ);
  }

  @Test
  void anUnknownNameIsSaid() {
    assertThatThrownBy(() -> rights(List.of("no-such-user"), List.of(), List.of()))
        .isInstanceOf(IOException.class)
        .hasMessage("admin.users: no user no-such-user on this machine");
    assertThatThrownBy(() -> rights(List.of(), List.of(), List.of("no-such-user")))
        .hasMessage("admin.readers: no user or group no-such-user on this machine");
  }
}
