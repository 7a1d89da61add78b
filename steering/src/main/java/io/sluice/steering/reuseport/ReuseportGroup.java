package io.sluice.steering.reuseport;

import io.sluice.steering.DropReason;
import io.sluice.steering.Errno;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Socket;
import io.sluice.steering.SocketGroup;
import io.sluice.steering.Verdict;
import java.util.List;
import java.util.Objects;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * A reuseport group: who of its members gets what was assigned to one of them. A {@link
 * ReuseportProgram} may be attached to it, which selects first.
 *
 * <p>Membership, weights and way of selecting don't change; another group replaces this one. What
 * changes is who may be selected, from any thread:
 *
 * <ul>
 *   <li>A member of weight 0 drains: it is selected for nothing new, except by a program that names
 *       it.
 *   <li>A member that is {@linkplain #available not available} is passed over, also when a program
 *       names it. If all are, they are selected as if none were: health checks can be wrong, and
 *       trying costs nothing then.
 *   <li>A member that {@linkplain Socket#takesNew takes nothing new}, as it is closed, is passed
 *       over always.
 * </ul>
 *
 * <p>If nobody is left, the group refuses ({@link io.sluice.steering.DropReason#GROUP}).
 *
 * <p>Selecting is safe on any thread and allocates nothing.
 */
public final class ReuseportGroup implements SocketGroup {
  /** The kernel's limit of members. */
  public static final int MAX_MEMBERS = 65535;

  /** The largest weight; the smallest is 0. */
  public static final int MAX_WEIGHT = 65535;

  /** The seed of hashes unless another is given: the same in the daemon and in {@code explain}. */
  public static final int DEFAULT_SEED = 0x51_1c_e0_01;

  /**
   * A socket with its share of what is selected.
   *
   * @param weight 0–65535, in proportion to the others'; 0 drains
   * @param name what it is, whatever its place among the others: in two groups with the same names
   *     and weights, {@link Selection#SOURCE} leads a client to members of the same name
   */
  public record Member(Socket socket, int weight, String name) {
    public Member {
      Objects.requireNonNull(socket);
      Objects.requireNonNull(name);
      if (weight < 0 || weight > MAX_WEIGHT) {
        throw new IllegalArgumentException("weight " + weight + " is outside 0–" + MAX_WEIGHT);
      }
    }

    /** One whose name is the text of the socket's {@linkplain Socket#attachment attachment}. */
    public Member(Socket socket, int weight) {
      this(socket, weight, nameOf(socket));
    }

    private static String nameOf(Socket socket) {
      Object attachment = socket.attachment();
      return attachment == null ? socket.toString() : attachment.toString();
    }
  }

  /** The ways of selecting. */
  public enum Selection {
    /** By a hash over both addresses and ports: the kernel's own rule. */
    HASH("hash"),
    /** By the client's address alone, and so that it mostly stays when members come and go. */
    SOURCE("source"),
    /** In turn. */
    ROUND_ROBIN("round-robin"),
    /** Whose load is least for its weight. */
    LEAST_CONNECTIONS("least-connections");

    private final String word;

    Selection(String word) {
      this.word = word;
    }

    /** As configuration and {@code explain} write it. */
    public String word() {
      return word;
    }
  }

  private final List<Member> list;
  private final Selection selection;
  final Members members;
  private final Strategy strategy;
  private final HashStrategy byHash;
  private final int seed;
  private volatile @Nullable Attached program;

  private record Attached(String name, ReuseportProgram program) {}

  private ReuseportGroup(
      List<Member> list, Selection selection, ToIntFunction<Socket> load, int seed) {
    this.list = list;
    this.selection = selection;
    this.members = new Members(list);
    this.seed = seed;
    this.byHash = new HashStrategy(members, seed);
    this.strategy =
        switch (selection) {
          case HASH -> byHash;
          case SOURCE -> new SourceStrategy(members, seed);
          case ROUND_ROBIN -> new RoundRobin(members);
          case LEAST_CONNECTIONS -> new LeastConnections(members, load);
        };
  }

  /** A group with the {@link #DEFAULT_SEED}. */
  public static ReuseportGroup of(
      List<Member> members, Selection selection, ToIntFunction<Socket> load) {
    return of(members, selection, load, DEFAULT_SEED);
  }

  /**
   * A group, of which the members' sockets are told ({@link Socket#group}). A socket is in one
   * group at a time: the one that was made last.
   *
   * @param members 1–65535 different sockets of one protocol. {@link Selection#HASH} goes by their
   *     order; {@link Selection#SOURCE} by their names, which ought to differ
   * @param load how busy a socket is; asked by {@link Selection#LEAST_CONNECTIONS} only, on any
   *     thread, and must not allocate
   * @param seed of the hashes
   * @throws IllegalArgumentException if the members aren't as said
   */
  public static ReuseportGroup of(
      List<Member> members, Selection selection, ToIntFunction<Socket> load, int seed) {
    if (members.isEmpty() || members.size() > MAX_MEMBERS) {
      throw new IllegalArgumentException(members.size() + " members; a group has 1–" + MAX_MEMBERS);
    }
    ReuseportGroup group = new ReuseportGroup(List.copyOf(members), selection, load, seed);
    members.forEach(member -> member.socket().group(group));
    return group;
  }

  /**
   * Selects a member: the group's program does, or in the group's own way if it has none, or if
   * that selects nobody.
   *
   * @param hit any member, or a socket that stands for the group; only a program looks at it
   * @return a drop if the program says so ({@link DropReason#GROUP}) or throws, or if all members
   *     drain or are closed
   */
  @Override
  public Verdict select(LookupContext context, Socket hit) {
    Attached attached = program;
    return attached == null || !context.hasPacket()
        ? verdict(selectUntried(context, null))
        : run(attached, context, hit);
  }

  private static Verdict verdict(@Nullable Socket member) {
    return member == null ? Verdict.Drop.of(DropReason.GROUP) : member.assign();
  }

  private Verdict run(Attached attached, LookupContext context, Socket hit) {
    ReuseportContext seen =
        ReuseportContext.of(context, this, hit, TupleHash.ofFlow(context, seed));
    try {
      if (attached.program.run(seen) != ReuseportProgram.SK_PASS) {
        return Verdict.Drop.of(DropReason.GROUP);
      }
    } catch (Throwable failure) { // checked ones too: other JVM languages throw them undeclared
      context.observer().programFailed(attached.name, failure);
      return Verdict.Drop.of(DropReason.PROGRAM_ERROR);
    }
    int index = selected(seen, context, false);
    if (index < 0) {
      index = selected(seen, context, true);
    }
    return verdict(index < 0 ? null : members.socket(index));
  }

  /** The member that the program selected, if it may be had; or who is next in line. */
  private int selected(ReuseportContext seen, LookupContext context, boolean evenDown) {
    int selected = seen.selected();
    if (selected >= 0 && members.isSelectable(selected, evenDown)) {
      return selected;
    }
    return seen.goesByOtherHash()
        ? byHash.select(seen.fallbackHash(), null, evenDown)
        : strategy.select(context, null, evenDown);
  }

  /**
   * Attaches a program, or replaces the one there is: SO_ATTACH_REUSEPORT_EBPF on any member. Any
   * thread; lookups that have begun may still use the old one.
   *
   * @param name what its failures are reported under
   */
  public void attach(String name, ReuseportProgram program) {
    this.program = new Attached(name, program);
  }

  /**
   * Takes the program off: SO_DETACH_REUSEPORT_BPF. Any thread.
   *
   * @return 0, or -ENOENT if none is attached
   */
  public synchronized int detach() {
    boolean was = program != null;
    program = null;
    return was ? 0 : Errno.ENOENT.negative();
  }

  /**
   * Attaches a program to the group that a socket is in.
   *
   * @return 0, or negative: EBADF (a closed socket), EINVAL (in no group)
   */
  public static int attach(Socket member, String name, ReuseportProgram program) {
    if (member.isClosed()) {
      return Errno.EBADF.negative();
    }
    if (!(member.group() instanceof ReuseportGroup group)) {
      return Errno.EINVAL.negative();
    }
    group.attach(name, program);
    return 0;
  }

  /**
   * Takes the program off the group that a socket is in.
   *
   * @return 0, or negative: EBADF (a closed socket), EINVAL (in no group), ENOENT (no program)
   */
  public static int detach(Socket member) {
    if (member.isClosed()) {
      return Errno.EBADF.negative();
    }
    return member.group() instanceof ReuseportGroup group
        ? group.detach()
        : Errno.EINVAL.negative();
  }

  /** Whether a program selects. */
  public boolean hasProgram() {
    return program != null;
  }

  /**
   * Selects another member, after connecting to one has failed: in the same way, among those not
   * tried yet; first those that are available, then the others. Called repeatedly, it visits each
   * member once. A program isn't asked again: the group's own way of selecting decides.
   *
   * @param context describes the connection again; {@link Selection#HASH} and {@link
   *     Selection#SOURCE} look at it
   * @param failed noted as tried
   * @param tried what this connection tried before; {@linkplain Tried#clear clear} for a new one
   * @return null if all were tried
   */
  public @Nullable Socket selectOther(LookupContext context, Socket failed, Tried tried) {
    tried.of(members);
    int index = members.indexOf(failed);
    if (index >= 0) {
      tried.add(index);
    }
    return selectUntried(context, tried);
  }

  private @Nullable Socket selectUntried(LookupContext context, @Nullable Tried tried) {
    int index = strategy.select(context, tried, false);
    if (index < 0) {
      index = strategy.select(context, tried, true);
    }
    return index < 0 ? null : members.socket(index);
  }

  /**
   * Says whether a member can be had, as health checks find; at first all can. Any thread.
   *
   * @throws IllegalArgumentException if the socket is no member
   */
  public void available(Socket member, boolean up) {
    members.setDown(indexOf(member), !up);
  }

  /** Whether a member can be had, as it was last said. */
  public boolean isAvailable(Socket member) {
    return !members.isDown(indexOf(member));
  }

  /** Whether the client's address alone decides, and not the whole 4-tuple. */
  public boolean goesBySource() {
    return selection == Selection.SOURCE;
  }

  /**
   * What {@link Selection#HASH} and {@link Selection#SOURCE} select as things are now, for those
   * who select elsewhere, like a program in the kernel: the entry ⌊hash · length / 2³²⌋, of the
   * hash over the 4-tuple or the client's address.
   *
   * @param most how many entries there may be
   * @return indexes into {@link #members()}, -1 where nobody can be selected; empty if there would
   *     be more entries, or if something else than a hash decides
   */
  public int[] choices(int most) {
    return program == null ? strategy.choices(most) : new int[0];
  }

  private int indexOf(Socket member) {
    int index = members.indexOf(member);
    if (index < 0) {
      throw new IllegalArgumentException(member + " is no member");
    }
    return index;
  }

  /** In the order of joining. */
  public List<Member> members() {
    return list;
  }

  public Selection selection() {
    return selection;
  }

  /** For {@code explain}: {@code 2 members, hash}. */
  public String describe() {
    return list.size()
        + (list.size() == 1 ? " member, " : " members, ")
        + (program == null ? "" : "program, else ")
        + selection.word();
  }

  @Override
  public String toString() {
    return describe();
  }
}
