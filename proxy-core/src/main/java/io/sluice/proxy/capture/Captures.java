package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.arrival.Arrival;
import io.sluice.proxy.arrival.Captured;
import io.sluice.proxy.arrival.CapturedRanges;
import io.sluice.proxy.arrival.ConnectionHandler;
import io.sluice.proxy.arrival.DatagramHandler;
import io.sluice.proxy.arrival.Exceptions;
import io.sluice.proxy.handover.HandedSocket;
import io.sluice.proxy.kernel.KernelLookup;
import io.sluice.proxy.kernel.Policy;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.AcceptGate;
import io.sluice.proxy.loop.Loop;
import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How traffic gets in, and what of it does. What is wanted changes in two steps, {@link #prepare}
 * and {@link CaptureChange#commit}; between changes, {@link #reconcile} compares what is wanted
 * with what is there, and mends it.
 *
 * <p>Called on the control thread only, but for {@link #contains} and {@link #states}.
 */
public final class Captures implements Captured {
  private static final Logger log = LoggerFactory.getLogger(Captures.class);

  /** How many sockets that could not be had are tried for at each look. */
  private static final int RETRIES = 64;

  private final Syscalls syscalls = new Syscalls();
  private final KernelLookup kernel = new KernelLookup(syscalls);
  private final Methods methods = new Methods(kernel);
  private final InstalledRules rules = new InstalledRules(syscalls);
  private final boolean ipv6 = SocketOpener.hasIpv6(syscalls);
  private final int loops;
  private final InheritedSockets inherited;
  private final CaptureSockets sockets;
  private final List<CapturePlan.Key> missing = new ArrayList<>();
  private CapturePlan plan = CapturePlan.NONE;
  private volatile CapturedRanges ranges = CapturedRanges.NONE;
  private volatile List<CaptureState> states = List.of();

  /** A loop, and who takes over there what comes in. */
  public record Worker(
      Loop loop, AcceptGate gate, ConnectionHandler connections, DatagramHandler datagrams) {}

  public Captures(List<Worker> workers) {
    this(workers, InheritedSockets.ofProcess());
  }

  /** With what another daemon hands over: it serves on, until it is told not to. */
  public Captures(List<Worker> workers, List<HandedSocket> given) {
    this(workers, InheritedSockets.given(given));
    sockets.give(given);
    given.stream()
        .filter(it -> it.kind() == HandedSocket.Kind.LINK)
        .forEach(it -> kernel.adopt(it.fd()));
  }

  Captures(List<Worker> workers, InheritedSockets inherited) {
    this.loops = workers.size();
    this.inherited = inherited;
    this.sockets = new CaptureSockets(workers, this, syscalls);
  }

  /** How many socket addresses there are. */
  public int size() {
    return sockets.size();
  }

  /**
   * Gets everything ready that these captures need beside what is there. The rules come last: they
   * are replaced by one transaction, the last step that can fail.
   */
  public CaptureChange prepare(List<CaptureSpec> configured) {
    return prepare(configured, null);
  }

  /**
   * The same, with what the kernel decides about connections itself.
   *
   * @param policy left out if the kernel refuses it: see {@link CaptureChange#withoutPolicy}; null
   *     for none
   */
  public CaptureChange prepare(List<CaptureSpec> configured, @Nullable Policy policy) {
    List<CaptureFailure> failures = new ArrayList<>();
    List<CaptureSpec> captures = methods.resolve(configured);
    CapturePlan next = CapturePlan.of(captures, inherited.of(captures, failures), ipv6);
    CaptureSockets.Prepared prepared = sockets.prepare(next, failures);
    StringBuilder withoutPolicy = new StringBuilder();
    KernelLookup.Prepared program = program(next, prepared, policy, withoutPolicy, failures);
    CaptureRules wanted = rulesOf(next);
    if (!wanted.isEmpty() && !CaptureChange.isRefused(failures, prepared, next)) {
      String wrong = rules.replaceBy(wanted);
      if (wrong != null) {
        wanted.captures().forEach(it -> failures.add(failure(it, wrong)));
      }
    }
    return new CaptureChange(this, next, failures, prepared, program, withoutPolicy.toString());
  }

  private static CaptureFailure failure(CaptureSpec capture, String wrong) {
    return new CaptureFailure(capture.name(), wrong, true);
  }

  private static CaptureRules rulesOf(CapturePlan plan) {
    return CaptureRules.of(plan.captures().stream().filter(it -> it.options().install()).toList());
  }

  /** The program that the kernel needs; null if it needs none, or can't have it. */
  private KernelLookup.@Nullable Prepared program(
      CapturePlan next,
      CaptureSockets.Prepared prepared,
      @Nullable Policy policy,
      StringBuilder withoutPolicy,
      List<CaptureFailure> failures) {
    List<CaptureSpec> captures = next.of(CaptureSpec.Method.SK_LOOKUP);
    if (captures.isEmpty()) {
      withoutPolicy.append("no capture is by sk_lookup here");
      return null;
    }
    Map<Protocol, Integer> fds = new EnumMap<>(Protocol.class);
    for (CapturePlan.Key key : next.sockets().keySet()) {
      int fd = key.arrival() == Arrival.SK_LOOKUP ? prepared.fd(key) : -1;
      if (fd >= 0) {
        fds.put(key.protocol(), fd);
      }
    }
    CapturedRanges captured = CapturedRanges.of(captures);
    KernelLookup.Prepared program = kernel.prepare(captured, fds, policy);
    if (!program.isReady() && policy != null) {
      withoutPolicy.append(program.wrong());
      program = kernel.prepare(captured, fds, null);
    }
    if (program.isReady()) {
      return program;
    }
    for (CaptureSpec capture : captures) {
      failures.add(failure(capture, program.wrong()));
    }
    return null;
  }

  /** New ways in are open before old ones are closed. */
  void commit(CaptureChange change) {
    plan = change.plan();
    ranges = plan.ranges();
    change.sockets().commit();
    KernelLookup.Prepared program = change.program();
    if (program == null) {
      kernel.close();
    } else {
      kernel.commit(program);
    }
    if (rulesOf(plan).isEmpty()) {
      rules.remove();
    }
    sockets.closeOthers(plan);
    sockets.closeGiven();
    missing.clear();
    plan.sockets().keySet().stream().filter(it -> !sockets.has(it)).forEach(missing::add);
    states = look();
    report();
  }

  void abort(CaptureChange change) {
    change.sockets().abort();
    KernelLookup.Prepared program = change.program();
    if (program != null) {
      kernel.abort(program);
    }
  }

  private void report() {
    for (CaptureSpec capture : plan.captures()) {
      if (isCompletelyMissing(capture)) {
        continue; // its failures say why
      }
      log.info(
          "captured name={} method={} protocols={} addresses={} ports={}{} sockets={}",
          capture.name(),
          capture.method().word(),
          capture.protocols(),
          capture.addresses(),
          capture.ports(),
          Exceptions.describe(capture),
          CaptureMethod.of(capture.method()).kind(capture, plan.isWide() || loops == 1));
    }
  }

  private boolean isCompletelyMissing(CaptureSpec capture) {
    return !missing.isEmpty()
        && CapturePlan.sockets(List.of(capture), ipv6).keySet().stream().noneMatch(sockets::has);
  }

  /**
   * Compares what is wanted with what is there, and mends what it can: takes ports that have become
   * free, attaches the program again, installs the rules again. To be called every second or so;
   * cheap while nothing is wrong.
   */
  public void reconcile() {
    sockets.closeLeft();
    retryMissing();
    if (!plan.of(CaptureSpec.Method.SK_LOOKUP).isEmpty() && !kernel.isAttached()) {
      mended("the sk_lookup program was detached", kernel.attachAgain());
    }
    if (!rules.areIntact()) {
      mended("the nftables or routing rules were changed by somebody", rules.restore());
    }
    List<CaptureState> before = states;
    states = look();
    for (int i = 0; i < states.size(); i++) {
      CaptureState now = states.get(i);
      if (now.isUp() && !before.get(i).isUp()) {
        log.info("capture up name={} effect=\"all of its traffic comes here\"", now.capture());
      } else if (!now.isUp() && !now.why().equals(before.get(i).why())) {
        log.warn(
            "capture down name={} why=\"{}\" effect=\"what isn't captured goes to whoever else"
                + " listens there, or is refused\"",
            now.capture(),
            now.why());
      }
    }
  }

  private void retryMissing() {
    List<CapturePlan.Key> some = missing.subList(0, Math.min(RETRIES, missing.size()));
    List<CapturePlan.Key> tried = List.copyOf(some);
    if (!tried.isEmpty()) {
      some.clear();
      List<CapturePlan.Key> opened = sockets.retry(tried, plan);
      opened.forEach(key -> log.info("captured at last socket=\"{}\"", key));
      tried.stream().filter(it -> !sockets.has(it)).forEach(missing::add); // behind the others
    }
  }

  private static void mended(String what, @Nullable String wrong) {
    if (wrong == null) {
      log.warn("{}: put back", what);
    } else {
      log.warn("{}: can't be put back: {}", what, wrong);
    }
  }

  private List<CaptureState> look() {
    boolean isAttached = kernel.isAttached();
    boolean areIntact = rules.areIntact();
    List<CaptureState> found = new ArrayList<>();
    for (CaptureSpec capture : plan.captures()) {
      String why =
          capture.method() == CaptureSpec.Method.SK_LOOKUP && !isAttached
              ? "its program is not attached"
              : capture.options().install() && !areIntact ? "its rules are gone" : absent(capture);
      found.add(new CaptureState(capture.name(), why));
    }
    return List.copyOf(found);
  }

  private String absent(CaptureSpec capture) {
    if (missing.isEmpty()) {
      return "";
    }
    List<CapturePlan.Key> absent =
        CapturePlan.sockets(List.of(capture), ipv6).keySet().stream()
            .filter(it -> !sockets.has(it))
            .toList();
    return absent.isEmpty()
        ? ""
        : absent.size() + " sockets can't be bound, like " + absent.getFirst();
  }

  /** Whether each capture is there. Any thread. */
  public List<CaptureState> states() {
    return states;
  }

  /** Closes all sockets: nothing new comes in. */
  public void close() {
    release();
    sockets.close();
  }

  /**
   * Takes no more connections; what had been made before is still accepted. Datagram sockets stay:
   * flows need them.
   */
  public void closeListening() {
    sockets.closeListening();
  }

  /** What another daemon is to have of the ways in; the descriptors stay this one's. */
  public List<HandedSocket> hand() {
    List<HandedSocket> all = new ArrayList<>();
    sockets.hand(all);
    inherited.hand(all);
    if (kernel.link() >= 0) {
      all.add(HandedSocket.plain(HandedSocket.Kind.LINK, kernel.link()));
    }
    return all;
  }

  /**
   * Takes nothing in until {@link #resume}: what comes waits in the kernel.
   *
   * @return false if a loop doesn't answer
   */
  public boolean pause() {
    return sockets.pause();
  }

  /** Takes in what has waited, and what comes. */
  public void resume() {
    sockets.resume();
  }

  /** Closes what another daemon has now, and leaves it as it is, with what waits in it. */
  public void letGo() {
    rules.forget();
    kernel.close(); // its descriptors only: the link is another's
    sockets.letGo();
  }

  /** Gives back what the kernel has of us besides sockets: programs and rules. */
  public void release() {
    kernel.close();
    rules.remove();
  }

  @Override
  public boolean contains(Protocol protocol, Family family, long high, long low, int port) {
    return ranges.contains(protocol, family, high, low, port);
  }
}
