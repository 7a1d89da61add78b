package io.sluice.proxy.target;

/** Why the kernel left a connection to the relay that it would have given to a target. */
public enum OffloadFallback {
  /** The target that the selection leads to isn't on this machine, or isn't up. */
  ELSEWHERE("elsewhere"),
  /** Nobody listened at the target. */
  ABSENT("absent"),
  /** The target's socket didn't take it: it is of the other family, or no longer listens. */
  UNFIT("unfit");

  private final String word;

  OffloadFallback(String word) {
    this.word = word;
  }

  public String word() {
    return word;
  }
}
