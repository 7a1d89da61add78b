package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.kernel.KernelLookup;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What {@code auto} is here: {@code sk_lookup} if this process may use it, {@code bind} if the
 * ports are few enough to have a socket each. Decided once: rights don't change under way.
 */
final class Methods {
  private static final Logger log = LoggerFactory.getLogger(Methods.class);

  /** The most socket addresses that {@code auto} binds. */
  static final int MOST_BOUND = 4096;

  private final KernelLookup kernel;
  private @Nullable Boolean kernelWorks;

  Methods(KernelLookup kernel) {
    this.kernel = kernel;
  }

  /** The captures, each with a method that says what is done. */
  List<CaptureSpec> resolve(List<CaptureSpec> captures) {
    return captures.stream().map(this::resolve).toList();
  }

  private CaptureSpec resolve(CaptureSpec capture) {
    if (capture.method() != CaptureSpec.Method.AUTO) {
      return capture;
    }
    Boolean works = kernelWorks;
    if (works == null) {
      works = kernel.probe() == 0;
      kernelWorks = works;
    }
    CaptureSpec.Method method =
        works || !isSmall(capture) ? CaptureSpec.Method.SK_LOOKUP : CaptureSpec.Method.BIND;
    log.info(
        "chosen name={} method={} why=\"{}\"",
        capture.name(),
        method.word(),
        works
            ? "this process may use sk_lookup"
            : isSmall(capture)
                ? "no right to sk_lookup, and few enough ports to bind each"
                : "too many ports to bind each");
    return with(capture, method);
  }

  /** Whether its ports are few enough for a socket each. */
  static boolean isSmall(CaptureSpec capture) {
    long ports = capture.ports().stream().mapToLong(it -> it.size()).sum();
    return ports * capture.protocols().size() * capture.addresses().size() <= MOST_BOUND;
  }

  static CaptureSpec with(CaptureSpec capture, CaptureSpec.Method method) {
    return new CaptureSpec(
        capture.name(),
        capture.protocols(),
        capture.addresses(),
        capture.ports(),
        method,
        capture.strict(),
        capture.options(),
        capture.proxyProtocol(),
        capture.perSource());
  }
}
