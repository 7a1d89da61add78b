package io.sluice.proxy.api;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A request, whole.
 *
 * @param query its parameters, decoded
 * @param body empty if it has none
 * @param isForPeople whether text is asked for rather than JSON
 */
@SuppressWarnings("ArrayRecordComponent") // handed over, not compared
public record Request(
    Map<String, List<String>> query, byte[] body, boolean isForPeople, Peer from) {

  /** A parameter's value; null if it isn't given. */
  public @Nullable String parameter(String name) {
    List<String> values = query.get(name);
    return values == null || values.isEmpty() ? null : values.getLast();
  }

  /** Whether a parameter is given, and not as {@code false}. */
  public boolean isSet(String name) {
    String value = parameter(name);
    return value != null && !value.equals("false");
  }

  /**
   * A parameter that must be there.
   *
   * @throws BadRequestException if it isn't
   */
  public String needed(String name) {
    String value = parameter(name);
    if (value == null || value.isEmpty()) {
      throw new BadRequestException("the parameter " + name + " is missing");
    }
    return value;
  }
}
