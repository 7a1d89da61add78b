package io.sluice.proxy.handover;

/**
 * A connection or flow on its way between two daemons: nobody listens to it, but its descriptors
 * are open. Called on its loop.
 */
public interface Movable {
  /** It is this daemon's: it is listened to, and goes on. */
  void back();

  /** It is the other daemon's: closes the descriptors here, and changes nothing of it. */
  void gone();
}
