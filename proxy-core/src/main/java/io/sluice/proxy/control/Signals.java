package io.sluice.proxy.control;

import java.lang.reflect.Proxy;
import java.util.function.Consumer;

/**
 * Signals of the process, by {@code sun.misc.Signal}: jdk.unsupported exports it, as there is no
 * successor. By reflection, because javac warns of its name whatever one tells it, and our build
 * takes no warning.
 */
public final class Signals {
  private Signals() {}

  /**
   * Has a signal handled, on a thread of the JVM's.
   *
   * @param name without SIG
   */
  public static void handle(String name, Consumer<String> action) {
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      Object proxy =
          Proxy.newProxyInstance(
              Signals.class.getClassLoader(),
              new Class<?>[] {handler},
              (_, method, _) -> {
                if (method.getName().equals("handle")) {
                  action.accept(name);
                }
                return null;
              });
      signal
          .getMethod("handle", signal, handler)
          .invoke(null, signal.getConstructor(String.class).newInstance(name), proxy);
    } catch (ReflectiveOperationException missing) {
      throw new IllegalStateException("this JDK lets nobody handle SIG" + name, missing);
    }
  }
}
