package io.sluice.proxy.api;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.sluice.proxy.admin.Json;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What is answered.
 *
 * @param body whoever sends it releases it
 */
public record Response(HttpResponseStatus status, String contentType, ByteBuf body) {
  private static final String JSON = "application/json";

  /** A value as JSON. */
  public static Response json(@Nullable Object value) {
    return json(HttpResponseStatus.OK, value);
  }

  private static Response json(HttpResponseStatus status, @Nullable Object value) {
    return new Response(status, JSON, bytes(Json.of(value) + "\n"));
  }

  /** JSON that is written already. */
  public static Response json(ByteBuf written) {
    return new Response(HttpResponseStatus.OK, JSON, written);
  }

  /** A JSON value in each line. */
  public static Response lines(String lines) {
    return new Response(HttpResponseStatus.OK, "application/jsonl", bytes(lines));
  }

  /** Text for people. */
  public static Response text(String text) {
    return new Response(HttpResponseStatus.OK, "text/plain; charset=utf-8", bytes(text));
  }

  /** No, and why, in one line. */
  public static Response refused(HttpResponseStatus status, String why) {
    return refused(status, why, List.of());
  }

  /** No, and all that is wrong. */
  public static Response refused(HttpResponseStatus status, String why, List<String> problems) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("error", why);
    json.put("problems", problems);
    return json(status, json);
  }

  private static ByteBuf bytes(String text) {
    return Unpooled.wrappedBuffer(text.getBytes(StandardCharsets.UTF_8));
  }
}
