package io.sluice.proxy.api;

import static java.util.Objects.requireNonNull;

import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;

/** The description of what the socket takes and gives (OpenAPI 3.1). */
final class OpenApi {
  private OpenApi() {}

  static Response document() {
    try (InputStream in = requireNonNull(OpenApi.class.getResourceAsStream("openapi.json"))) {
      return Response.json(Unpooled.wrappedBuffer(in.readAllBytes()));
    } catch (IOException broken) {
      throw new UncheckedIOException(broken);
    }
  }
}
