package io.sluice.proxy.it;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;

/** Sends back what it gets, by TCP and UDP. Prints {@code ready}. */
final class EchoServer {
  private EchoServer() {}

  /** Arguments: the address and the port. */
  public static void main(String[] arguments) throws Exception {
    InetSocketAddress address = new InetSocketAddress(arguments[0], Integer.parseInt(arguments[1]));
    try (ServerSocket server = new ServerSocket();
        DatagramSocket datagrams = new DatagramSocket(address)) {
      server.bind(address, 1024);
      System.out.println("ready");
      Thread _ = Thread.ofPlatform().daemon().start(() -> answer(datagrams));
      while (true) {
        Socket connection = server.accept();
        Thread _ = Thread.ofVirtual().start(() -> answer(connection));
      }
    }
  }

  private static void answer(DatagramSocket socket) {
    DatagramPacket packet = new DatagramPacket(new byte[65536], 65536);
    while (true) {
      try {
        packet.setLength(65536);
        socket.receive(packet);
        socket.send(packet);
      } catch (IOException _) {
        // One that can't be answered: on to the next.
      }
    }
  }

  private static void answer(Socket connection) {
    try (connection) {
      connection.getInputStream().transferTo(connection.getOutputStream());
    } catch (IOException _) {
      // The client broke off.
    }
  }
}
