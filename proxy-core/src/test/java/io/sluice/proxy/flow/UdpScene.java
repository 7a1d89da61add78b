package io.sluice.proxy.flow;

import java.io.IOException;
import java.time.Duration;
import java.util.function.Function;

/** A client, a relay, and the server that the relay's one target is: on 127.0.0.1 all three. */
final class UdpScene implements AutoCloseable {
  /** What the relay captures, on {@link #port}. */
  static final String CAPTURED = "127.0.0.0/9";

  final UdpPeer server;
  final RelayHarness relay;
  final UdpPeer client;
  final int port;

  private UdpScene(UdpPeer server, RelayHarness relay) {
    this.server = server;
    this.relay = relay;
    this.client = UdpPeer.client();
    this.port = relay.open("0.0.0.0", CAPTURED).port();
  }

  /** Of flows that don't expire. */
  static UdpScene of(UdpPeer server) {
    return of(server, RelayHarness.NEVER);
  }

  static UdpScene of(UdpPeer server, Duration idleTimeout) {
    return new UdpScene(server, RelayHarness.to(server, idleTimeout));
  }

  /** Of a destination as the file has one, without label and protocol. */
  static UdpScene yaml(UdpPeer server, Function<UdpPeer, String> destination) {
    return new UdpScene(server, RelayHarness.yaml(destination.apply(server)));
  }

  /** A target's address as the file has it. */
  static String at(UdpPeer server) {
    return "\"127.0.0.1:" + server.port() + "\"";
  }

  /** A server on 127.0.0.1 that does this with each datagram. */
  static UdpPeer serving(UdpPeer.Service service) {
    return new UdpPeer("127.0.0.1", 0).serve(service);
  }

  /** Sends to a captured address. */
  void send(String text, String address) throws IOException {
    client.send(text, address, port);
  }

  /** Sends to a captured address, and waits for the answer. */
  UdpPeer.Datagram ask(String text, String address) throws IOException {
    return client.ask(text, address, port);
  }

  @Override
  public void close() {
    client.close();
    relay.close();
    server.close();
  }
}
