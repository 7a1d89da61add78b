package io.sluice.proxy.api;

/** What somebody may do over the admin socket; each includes those before it. */
public enum Right {
  NONE,
  READ,
  CHANGE
}
