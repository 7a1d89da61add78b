package io.sluice.proxy.api;

/** A request that can't be understood; the message says in one line what would be right. */
public final class BadRequestException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public BadRequestException(String message) {
    super(message);
  }
}
