package io.sluice.proxy.api;

import io.sluice.config.AdminSocketSpec;
import io.sluice.proxy.linux.Accounts;
import io.sluice.proxy.linux.PeerCredentials;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.ToIntFunction;

/**
 * Who may do what: root and the daemon's own user everything. Whoever is named as a user goes by
 * that, else by the groups; the right to read goes before the right to change.
 */
final class Rights {
  private static final int ROOT = 0;

  private final int ownUid;
  private final Set<Integer> users = new HashSet<>();
  private final Set<Integer> groups = new HashSet<>();
  private final Set<Integer> readingUsers = new HashSet<>();
  private final Set<Integer> readingGroups = new HashSet<>();

  /**
   * @throws IOException if there is no such user or group on this machine
   */
  Rights(AdminSocketSpec spec, int ownUid) throws IOException {
    this.ownUid = ownUid;
    for (String name : spec.users()) {
      addKnown(users, "admin.users: no user", name, Accounts::user);
    }
    for (String name : spec.groups()) {
      addKnown(groups, "admin.groups: no group", name, Accounts::group);
    }
    for (String name : spec.readers()) {
      boolean isUser = add(readingUsers, name, Accounts::user);
      boolean isGroup = add(readingGroups, name, Accounts::group);
      if (!isUser && !isGroup) {
        throw new IOException("admin.readers: no user or group " + name + " on this machine");
      }
    }
  }

  private static void addKnown(
      Set<Integer> to, String what, String name, ToIntFunction<String> accounts)
      throws IOException {
    if (!add(to, name, accounts)) {
      throw new IOException(what + " " + name + " on this machine");
    }
  }

  private static boolean add(Set<Integer> to, String name, ToIntFunction<String> accounts) {
    int id = name.matches("[0-9]{1,9}") ? Integer.parseInt(name) : accounts.applyAsInt(name);
    if (id != Accounts.NONE) {
      to.add(id);
    }
    return id != Accounts.NONE;
  }

  Right of(PeerCredentials peer) {
    if (peer.uid() == ROOT || peer.uid() == ownUid) {
      return Right.CHANGE;
    }
    if (readingUsers.contains(peer.uid())) {
      return Right.READ;
    }
    if (users.contains(peer.uid())) {
      return Right.CHANGE;
    }
    if (isAnyIn(readingGroups, peer.groups())) {
      return Right.READ;
    }
    return isAnyIn(groups, peer.groups()) ? Right.CHANGE : Right.NONE;
  }

  private static boolean isAnyIn(Set<Integer> groups, List<Integer> of) {
    return of.stream().anyMatch(groups::contains);
  }
}
