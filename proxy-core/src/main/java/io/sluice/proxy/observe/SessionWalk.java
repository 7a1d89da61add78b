package io.sluice.proxy.observe;

/**
 * A way through all sessions of one loop, in steps, so that traffic has its turn between them.
 * Sessions that begin meanwhile may be left out; one that ends is. Called on the loop only.
 */
public interface SessionWalk {
  /** Looks at so many more at most; false if there are none left. */
  boolean step(int most);

  /** It goes no further. */
  void close();
}
