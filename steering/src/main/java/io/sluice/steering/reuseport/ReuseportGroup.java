package io.sluice.steering.reuseport;

import io.sluice.steering.LookupContext;
import io.sluice.steering.Socket;
import io.sluice.steering.SocketGroup;
import java.util.List;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/** Stub. */
public final class ReuseportGroup implements SocketGroup {
  public enum Selection {
    HASH,
    SOURCE,
    ROUND_ROBIN,
    LEAST_CONNECTIONS
  }

  public record Member(Socket socket, int weight) {}

  private final List<Member> members;

  private ReuseportGroup(List<Member> members) {
    this.members = members;
    members.forEach(m -> m.socket().group(this));
  }

  public static ReuseportGroup of(
      List<Member> members, Selection selection, ToIntFunction<Socket> load) {
    return new ReuseportGroup(members);
  }

  @Override
  public Socket select(LookupContext context, Socket hit) {
    return members.get(Math.floorMod(context.remotePort(), members.size())).socket();
  }

  public void available(Socket member, boolean up) {}

  public @Nullable Socket selectOther(LookupContext context, Socket last) {
    return null;
  }
}
