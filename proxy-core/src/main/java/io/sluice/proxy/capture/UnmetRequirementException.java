package io.sluice.proxy.capture;

import java.io.IOException;
import java.util.List;

/** A capture's method lacks something on this machine; the message has a line for each. */
public final class UnmetRequirementException extends IOException {
  private static final long serialVersionUID = 1;

  public UnmetRequirementException(List<Requirement> unmet) {
    super(String.join("\n", unmet.stream().map(Requirement::toString).toList()));
  }
}
