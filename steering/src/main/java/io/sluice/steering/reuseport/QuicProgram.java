package io.sluice.steering.reuseport;

import io.sluice.steering.Payload;
import io.sluice.steering.Socket;
import io.sluice.steering.reuseport.ConnectionIds.Entry;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a QUIC connection on its server by its connection ID, whatever address the client comes
 * from (RFC 9000 §5.1).
 *
 * <ol>
 *   <li>A client begins with an ID that it made up: a hash over it selects. So its retransmissions
 *       go to the same server, from any port and through any process with the same servers.
 *   <li>The server answers with an ID of its own, and from then on the client uses that one. A hash
 *       over it would select anybody; so it is {@linkplain #learn learned} from the answer, and
 *       looked up here. A known one goes to its server, even if that drains.
 *   <li>Servers may put an ID of their own into each connection ID that they give out, in clear
 *       ({@link ServerIds}, as draft-ietf-quic-load-balancers calls it). Then nothing has to be
 *       learned, and the next case doesn't come up.
 *   <li>An ID that isn't known goes by its hash. It may be one that the server gave out later, in
 *       an encrypted frame (NEW_CONNECTION_ID), which a client uses when it changes its address on
 *       purpose; or one from before this process started. Nobody can tell whose these are.
 *   <li>What has no connection ID goes by the 4-tuple.
 * </ol>
 */
public final class QuicProgram implements ReuseportProgram {
  private final ConnectionIds ids;
  private final int connectionIdLength;
  private final Map<Socket, Integer> owners = new HashMap<>(); // not changed once built
  private final @Nullable Socket[] members; // by the owner's number
  private final @Nullable ServerIds serverIds;
  private final long[] serverNumbers; // sorted
  private final Socket[] serverMembers;

  /**
   * Servers' IDs inside connection IDs.
   *
   * @param offset of the first byte in the connection ID
   * @param length how many bytes, 1–8
   * @param members by their server IDs, of which the number is the big-endian one
   */
  public record ServerIds(int offset, int length, Map<Long, Socket> members) {
    public ServerIds {
      members = Map.copyOf(members);
      if (offset < 0 || length < 1 || length > Long.BYTES) {
        throw new IllegalArgumentException(length + " bytes at " + offset + "; 1–8 are possible");
      }
    }
  }

  /**
   * A program for one group.
   *
   * @param ids what other programs of the same servers have learned, too; a server is known there
   *     by the text of its socket's attachment
   * @param connectionIdLength of the IDs that the servers choose, 1–20 bytes: packets with a short
   *     header don't say
   */
  public QuicProgram(
      ConnectionIds ids, int connectionIdLength, List<ReuseportGroup.Member> members) {
    this(ids, connectionIdLength, members, null);
  }

  /**
   * A program for a group whose members may have IDs.
   *
   * @param serverIds null if they have none
   */
  public QuicProgram(
      ConnectionIds ids,
      int connectionIdLength,
      List<ReuseportGroup.Member> members,
      @Nullable ServerIds serverIds) {
    if (connectionIdLength < 1 || connectionIdLength > ConnectionIds.MAX_ID_BYTES) {
      throw new IllegalArgumentException(
          "a connection ID of " + connectionIdLength + " bytes; it has 1–20");
    }
    this.ids = ids;
    this.connectionIdLength = connectionIdLength;
    @Nullable Socket[] byOwner = new @Nullable Socket[0];
    for (ReuseportGroup.Member member : members) {
      int owner = ids.owner(member.name());
      owners.put(member.socket(), owner);
      byOwner = Arrays.copyOf(byOwner, Math.max(byOwner.length, owner + 1));
      byOwner[owner] = member.socket();
    }
    this.members = byOwner;
    this.serverIds = serverIds;
    SortedMap<Long, Socket> numbered =
        new TreeMap<>(serverIds == null ? Map.of() : serverIds.members);
    this.serverNumbers = numbered.keySet().stream().mapToLong(Long::longValue).toArray();
    this.serverMembers = numbered.values().toArray(new Socket[0]);
    if (serverIds != null && serverIds.offset + serverIds.length > connectionIdLength) {
      throw new IllegalArgumentException(serverIds + " is beyond " + connectionIdLength);
    }
  }

  @Override
  public int run(ReuseportContext context) {
    Payload datagram = context.payload();
    int place = QuicHeader.destination(datagram, connectionIdLength);
    if (place == QuicHeader.NONE) {
      return SK_PASS;
    }
    int offset = QuicHeader.offset(place);
    int length = QuicHeader.length(place);
    context.selectByHash(TupleHash.ofBytes(datagram, offset, length, ReuseportGroup.DEFAULT_SEED));
    Socket member = named(datagram, offset, length);
    if (member == null) {
      Entry entry = ids.find(datagram, offset, length);
      member = entry != null && entry.owner() < members.length ? members[entry.owner()] : null;
    }
    if (member != null) {
      int _ = context.select(member); // if it has left meanwhile: by the hash
    }
    return SK_PASS;
  }

  /** Whose server ID is in a connection ID. One that a client made up may have one by chance. */
  private @Nullable Socket named(Payload datagram, int offset, int length) {
    if (serverIds == null || length != connectionIdLength) {
      return null;
    }
    long id = 0;
    for (int i = 0; i < serverIds.length; i++) {
      id = id << 8 | datagram.at(offset + serverIds.offset + i);
    }
    int found = Arrays.binarySearch(serverNumbers, id);
    return found < 0 ? null : serverMembers[found];
  }

  /** The connection that a client's datagram belongs to, if its ID has been learned. */
  public @Nullable Entry connection(Payload datagram) {
    int place = QuicHeader.destination(datagram, connectionIdLength);
    return place == QuicHeader.NONE
        ? null
        : ids.find(datagram, QuicHeader.offset(place), QuicHeader.length(place));
  }

  /**
   * Learns from a server's answer to a client which ID the server has chosen. Any thread; allocates
   * only for an ID that is new.
   *
   * @param from a member
   * @return the connection; null if the answer doesn't say
   */
  public @Nullable Entry learn(Payload answer, Socket from) {
    int place = QuicHeader.serversOwn(answer);
    if (place == QuicHeader.NONE) {
      return null;
    }
    int owner = Objects.requireNonNull(owners.get(from), "no member");
    return ids.learn(answer, QuicHeader.offset(place), QuicHeader.length(place), owner);
  }
}
