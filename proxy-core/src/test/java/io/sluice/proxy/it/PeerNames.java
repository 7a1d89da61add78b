package io.sluice.proxy.it;

import io.sluice.steering.IpAddress;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A server that answers everyone with the address and port that it sees, and a client that prints
 * its own beside the answer.
 *
 * <pre>
 *   serve PORT                           TCP and UDP, both families; prints "serving"
 *   ask {tcp|udp} SRC SRCPORT DST PORT…  all at once; a line for each: "SRC:SRCPORT ANSWER"
 * </pre>
 */
final class PeerNames {
  private static final int TIMEOUT_MILLIS = 4_000;

  private PeerNames() {}

  public static void main(String[] arguments) throws Exception {
    if (arguments[0].equals("serve")) {
      serve(Integer.parseInt(arguments[1]));
      return;
    }
    List<AutoCloseable> open = new ArrayList<>();
    for (int i = 1; i < arguments.length; i += 5) {
      InetSocketAddress from = at(arguments[i + 1], arguments[i + 2]);
      InetSocketAddress to = at(arguments[i + 3], arguments[i + 4]);
      String answer;
      try {
        answer = arguments[i].equals("tcp") ? askTcp(from, to, open) : askUdp(from, to, open);
      } catch (IOException none) {
        answer = "nothing: " + none.getMessage();
      }
      System.out.println("answer " + text(from) + " " + answer);
    }
    System.out.println("asked");
    System.exit(0);
  }

  private static InetSocketAddress at(String address, String port) {
    return new InetSocketAddress(InetAddress.ofLiteral(address), Integer.parseInt(port));
  }

  private static String text(SocketAddress address) {
    InetSocketAddress inet = (InetSocketAddress) address;
    return IpAddress.withPort(IpAddress.ofBytes(inet.getAddress().getAddress()), inet.getPort());
  }

  private static void serve(int port) throws Exception {
    ServerSocket tcp = new ServerSocket(port, 512);
    DatagramSocket udp = new DatagramSocket(port);
    Thread datagrams =
        Thread.ofPlatform()
            .daemon()
            .start(() -> {
              DatagramPacket packet = new DatagramPacket(new byte[64], 64);
              try {
                while (true) {
                  udp.receive(packet);
                  byte[] name = text(packet.getSocketAddress()).getBytes(StandardCharsets.US_ASCII);
                  udp.send(new DatagramPacket(name, name.length, packet.getSocketAddress()));
                }
              } catch (IOException broken) {
                throw new IllegalStateException(broken);
              }
            });
    System.out.println("serving");
    while (datagrams.isAlive()) {
      Socket client = tcp.accept();
      client
          .getOutputStream()
          .write(
              (text(client.getRemoteSocketAddress()) + "\n").getBytes(StandardCharsets.US_ASCII));
    }
  }

  /** The connection stays open. */
  private static String askTcp(
      InetSocketAddress from, InetSocketAddress to, List<AutoCloseable> open) throws IOException {
    Socket socket = new Socket();
    open.add(socket);
    socket.setReuseAddress(true);
    socket.bind(from);
    socket.connect(to, TIMEOUT_MILLIS);
    socket.setSoTimeout(TIMEOUT_MILLIS);
    StringBuilder answer = new StringBuilder();
    for (int c = socket.getInputStream().read(); c >= 0 && c != '\n'; ) {
      answer.append((char) c);
      c = socket.getInputStream().read();
    }
    return answer.toString();
  }

  private static String askUdp(
      InetSocketAddress from, InetSocketAddress to, List<AutoCloseable> open) throws IOException {
    DatagramSocket socket = new DatagramSocket(null);
    open.add(socket);
    socket.setReuseAddress(true);
    socket.bind(from);
    socket.connect(to);
    socket.setSoTimeout(TIMEOUT_MILLIS);
    socket.send(new DatagramPacket(new byte[1], 1));
    DatagramPacket answer = new DatagramPacket(new byte[64], 64);
    socket.receive(answer);
    return new String(answer.getData(), 0, answer.getLength(), StandardCharsets.US_ASCII);
  }
}
