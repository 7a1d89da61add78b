package io.sluice.proxy.cli;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** The demo's three servers, on free ports of 127.0.0.1: two of HTTP, one of DNS. */
final class DemoServers implements AutoCloseable {
  private static final int HEADER_BYTES = 12;
  private static final byte[] ANSWER = {
    (byte) 0xc0,
    HEADER_BYTES, // the name: as in the question
    0,
    1,
    0,
    1,
    0,
    0,
    0,
    60,
    0,
    4, // A, IN, TTL 60 s, 4 bytes
    (byte) 192,
    0,
    2,
    7
  };

  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final HttpServer web = http("web");
  private final HttpServer l7 = http("l7");
  private final DatagramSocket dns;

  DemoServers() throws IOException {
    dns = new DatagramSocket(loopback());
    Thread.ofVirtual().start(this::answerDns);
  }

  int webPort() {
    return web.getAddress().getPort();
  }

  int l7Port() {
    return l7.getAddress().getPort();
  }

  int dnsPort() {
    return dns.getLocalPort();
  }

  @Override
  public void close() {
    web.stop(0);
    l7.stop(0);
    dns.close();
    threads.close();
  }

  private static InetSocketAddress loopback() {
    return new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0);
  }

  private HttpServer http(String name) throws IOException {
    HttpServer server = HttpServer.create(loopback(), 128);
    server.setExecutor(threads);
    server.createContext("/", exchange -> answer(name, exchange));
    server.start();
    return server;
  }

  private static void answer(String name, HttpExchange exchange) throws IOException {
    String host = exchange.getRequestHeaders().getFirst("Host");
    byte[] body =
        ("server \"" + name + "\": you asked for " + host + "\n").getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(200, body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }

  /** Answers every question with 192.0.2.7 (RFC 1035 §4). */
  private void answerDns() {
    DatagramPacket packet = new DatagramPacket(new byte[512], 512);
    try {
      while (true) {
        dns.receive(packet);
        int end = questionEnd(packet.getData(), packet.getLength());
        if (end > 0) {
          byte[] reply = new byte[end + ANSWER.length];
          System.arraycopy(packet.getData(), 0, reply, 0, end);
          reply[2] = (byte) 0x84; // an answer, authoritative
          reply[3] = 0;
          reply[7] = 1; // one answer,
          reply[9] = 0; // and no other records
          reply[11] = 0;
          System.arraycopy(ANSWER, 0, reply, end, ANSWER.length);
          dns.send(new DatagramPacket(reply, reply.length, packet.getSocketAddress()));
        }
        packet.setLength(512);
      }
    } catch (IOException _) {
      // The socket was closed: the demo is over.
    }
  }

  /** Where the one question ends, or -1. */
  private static int questionEnd(byte[] message, int length) {
    int at = HEADER_BYTES;
    while (at < length && message[at] != 0) {
      at += 1 + (message[at] & 0xff);
    }
    return at + 5 <= length ? at + 5 : -1;
  }

  /** A question for a name's IPv4 address. */
  static byte[] query(String name) {
    ByteArrayOutputStream query = new ByteArrayOutputStream();
    query.writeBytes(new byte[] {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0});
    for (String label : List.of(name.split("\\.", -1))) {
      query.write(label.length());
      query.writeBytes(label.getBytes(StandardCharsets.US_ASCII));
    }
    query.writeBytes(new byte[] {0, 0, 1, 0, 1});
    return query.toByteArray();
  }
}
