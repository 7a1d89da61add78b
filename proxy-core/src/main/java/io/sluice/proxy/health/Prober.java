package io.sluice.proxy.health;

/** Asks an endpoint, again and again, whether it serves: while there is one, it decides. */
public interface Prober {
  /** Traffic has found that it doesn't serve: it must prove anew that it does. Any thread. */
  void doubted();
}
