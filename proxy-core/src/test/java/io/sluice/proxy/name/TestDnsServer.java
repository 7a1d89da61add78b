package io.sluice.proxy.name;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** A name server that says what the test wants, by UDP and TCP. */
public final class TestDnsServer implements AutoCloseable {
  static final int A = 1;
  public static final int CNAME = 5;
  static final int AAAA = 28;
  public static final int NOERROR = 0;
  public static final int SERVFAIL = 2;
  public static final int NXDOMAIN = 3;

  private static final int TRUNCATED = 0x0200;
  private static final int RESPONSE = 0x8180; // to a query that wanted recursion, which there is
  private static final int NAME_OF_THE_QUESTION = 0xc00c; // a pointer to it (RFC 1035 §4.1.4)

  private final DatagramSocket udp;
  private final ServerSocket tcp;
  private final Function<Question, @Nullable Answer> answers;
  private final Queue<Question> asked = new ConcurrentLinkedQueue<>();

  /**
   * What was asked.
   *
   * @param name in lower case, without the final dot
   */
  public record Question(String name, int type, boolean isTcp) {}

  public record Rdata(int type, int ttlSeconds, String value) {}

  public record Answer(int code, boolean isTruncated, List<Rdata> records) {
    static final Answer NONE = new Answer(NOERROR, false, List.of());

    static Answer of(Rdata... records) {
      return new Answer(NOERROR, false, List.of(records));
    }

    static Answer code(int code) {
      return new Answer(code, false, List.of());
    }
  }

  /**
   * @param address a loopback address
   * @param port 0 for any
   * @param answers null: it is silent
   */
  public TestDnsServer(String address, int port, Function<Question, @Nullable Answer> answers)
      throws IOException {
    this.answers = answers;
    InetAddress local = InetAddress.ofLiteral(address);
    this.tcp = new ServerSocket(port, 50, local);
    this.udp = new DatagramSocket(new InetSocketAddress(local, tcp.getLocalPort()));
    Thread.ofVirtual().start(this::serveUdp);
    Thread.ofVirtual().start(this::serveTcp);
  }

  public int port() {
    return tcp.getLocalPort();
  }

  /** What it was asked, in order. */
  List<Question> asked() {
    return List.copyOf(asked);
  }

  long asked(String name) {
    return asked.stream().filter(it -> it.name().equals(name)).count();
  }

  private void serveUdp() {
    byte[] buffer = new byte[4096];
    while (!udp.isClosed()) {
      try {
        DatagramPacket packet = new DatagramPacket(buffer, buffer.length);
        udp.receive(packet);
        byte[] answer = answer(ByteBuffer.wrap(buffer, 0, packet.getLength()), false);
        if (answer != null) {
          udp.send(new DatagramPacket(answer, answer.length, packet.getSocketAddress()));
        }
      } catch (IOException _) {
        return;
      }
    }
  }

  private void serveTcp() {
    while (!tcp.isClosed()) {
      try (Socket client = tcp.accept()) {
        DataInputStream in = new DataInputStream(client.getInputStream());
        byte[] query = new byte[in.readUnsignedShort()];
        in.readFully(query);
        byte[] answer = answer(ByteBuffer.wrap(query), true);
        if (answer != null) {
          DataOutputStream out = new DataOutputStream(client.getOutputStream());
          out.writeShort(answer.length);
          out.write(answer);
        }
      } catch (IOException _) {
        // The client went, or the test is over.
      }
    }
  }

  private byte @Nullable [] answer(ByteBuffer query, boolean isTcp) throws IOException {
    short id = query.getShort();
    query.position(12);
    int from = query.position();
    StringBuilder name = new StringBuilder();
    for (int length = query.get(); length > 0; length = query.get()) {
      byte[] label = new byte[length];
      query.get(label);
      name.append(name.isEmpty() ? "" : ".").append(new String(label, StandardCharsets.US_ASCII));
    }
    Question question = new Question(name.toString(), query.getShort(), isTcp);
    query.getShort();
    byte[] asIs = new byte[query.position() - from];
    query.get(from, asIs);
    asked.add(question);
    Answer answer = answers.apply(question);
    return answer == null ? null : write(id, asIs, answer);
  }

  private static byte[] write(short id, byte[] question, Answer answer) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    out.writeShort(id);
    out.writeShort(RESPONSE | answer.code() | (answer.isTruncated() ? TRUNCATED : 0));
    out.writeShort(1);
    out.writeShort(answer.records().size());
    out.writeInt(0); // no more sections
    out.write(question);
    for (Rdata record : answer.records()) {
      byte[] value =
          record.type() == CNAME
              ? name(record.value())
              : InetAddress.ofLiteral(record.value()).getAddress();
      out.writeShort(NAME_OF_THE_QUESTION);
      out.writeShort(record.type());
      out.writeShort(1);
      out.writeInt(record.ttlSeconds());
      out.writeShort(value.length);
      out.write(value);
    }
    return bytes.toByteArray();
  }

  private static byte[] name(String name) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (String label : name.split("\\.", -1)) {
      bytes.write(label.length());
      bytes.write(label.getBytes(StandardCharsets.US_ASCII));
    }
    bytes.write(0);
    return bytes.toByteArray();
  }

  @Override
  public void close() throws IOException {
    udp.close();
    tcp.close();
  }
}
