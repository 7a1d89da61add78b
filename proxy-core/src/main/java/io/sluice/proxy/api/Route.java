package io.sluice.proxy.api;

/**
 * Something that can be asked for or done.
 *
 * @param method in capitals
 * @param path without parameters
 * @param right that it takes
 */
public record Route(String method, String path, Right right, Kind kind) {
  /** How it is done. */
  public sealed interface Kind {}

  /** By one answer. Called on a thread that may wait. */
  public record Once(Handler handler) implements Kind {}

  /** By lines, until the client has enough. */
  public record Lines(Streamer streamer) implements Kind {}

  /** Answers a request. */
  public interface Handler {
    Response answer(Request request) throws InterruptedException;
  }

  /** Begins a stream for a request. */
  public interface Streamer {
    Source start(Request request);
  }

  /** Where the lines come from. Called on one thread, every now and then. */
  public interface Source {
    /** What is new, each line with its end; empty if nothing is. */
    String next();

    /** The client has enough. */
    default void close() {}
  }

  /** Something that is only shown. */
  public static Route get(String path, Handler handler) {
    return new Route("GET", path, Right.READ, new Once(handler));
  }

  /** Something that is shown as it happens. */
  public static Route follow(String path, Streamer streamer) {
    return new Route("GET", path, Right.READ, new Lines(streamer));
  }

  /** Something that changes the daemon. */
  public static Route change(String method, String path, Handler handler) {
    return new Route(method, path, Right.CHANGE, new Once(handler));
  }
}
