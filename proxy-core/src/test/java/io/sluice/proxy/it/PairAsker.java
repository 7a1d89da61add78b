package io.sluice.proxy.it;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;

/**
 * Asks random addresses of prefixes at random ports, by TCP and UDP, from sockets that see where an
 * answer comes from: an echo server by {@code tcp} and {@code udp}, {@link RealServers} by {@code
 * http} and {@code dns}. Prints {@code wrong …} for each that isn't answered from where it was
 * asked, and at last {@code asked N tcp N udp N wrong N seed N}.
 */
final class PairAsker {
  private static final int TIMEOUT_MILLIS = 5_000;
  private static final int LANES = 4;
  private static final byte[] DNS_ANSWER = InetAddress.ofLiteral(RealServers.ANSWER).getAddress();

  private final List<String> protocols;
  private final List<String> prefixes;
  private final int firstPort;
  private final int lastPort;
  private final AtomicInteger tcp = new AtomicInteger();
  private final AtomicInteger udp = new AtomicInteger();
  private final AtomicInteger wrong = new AtomicInteger();

  private PairAsker(List<String> protocols, String ports, List<String> prefixes) {
    this.protocols = protocols;
    this.prefixes = prefixes;
    this.firstPort = Integer.parseInt(ports.split("-", -1)[0]);
    this.lastPort = Integer.parseInt(ports.split("-", -1)[1]);
  }

  /**
   * Arguments: how many pairs, the seed, protocols {@code tcp,udp}, {@code FIRST-LAST} port,
   * prefixes.
   */
  public static void main(String[] arguments) throws Exception {
    int pairs = Integer.parseInt(arguments[0]);
    long seed = Long.parseLong(arguments[1]);
    PairAsker asker =
        new PairAsker(
            List.of(arguments[2].split(",", -1)),
            arguments[3],
            Arrays.asList(arguments).subList(4, arguments.length));
    Thread[] lanes = new Thread[LANES];
    for (int lane = 0; lane < LANES; lane++) {
      int first = lane;
      lanes[lane] = Thread.ofPlatform().start(() -> asker.ask(first, pairs, seed));
    }
    for (Thread lane : lanes) {
      lane.join();
    }
    System.out.printf(
        "asked %d tcp %d udp %d wrong %d seed %d%n",
        pairs, asker.tcp.get(), asker.udp.get(), asker.wrong.get(), seed);
  }

  private void ask(int first, int pairs, long seed) {
    for (int i = first; i < pairs; i += LANES) {
      Random random = new Random(seed + i);
      String prefix = prefixes.get(i % prefixes.size());
      InetSocketAddress to =
          new InetSocketAddress(
              address(prefix, random), firstPort + random.nextInt(lastPort - firstPort + 1));
      String name = "question" + i;
      byte[] question = name.getBytes(StandardCharsets.US_ASCII);
      for (String protocol : protocols) {
        switch (protocol) {
          case "tcp" -> count(tcp, "tcp " + to, () -> askTcp(to, question));
          case "http" -> count(tcp, "http " + to, () -> askHttp(to, name, false));
          case "own" -> count(tcp, "own " + to, () -> askHttp(to, name, true));
          case "udp" ->
              count(
                  udp, "udp " + to, () -> askUdp(to, question, it -> Arrays.equals(it, question)));
          case "dns" -> {
            byte[] query = DnsClient.query(name + ".test");
            count(udp, "dns " + to, () -> askUdp(to, query, it -> isDnsAnswer(query, it)));
          }
          default -> throw new IllegalArgumentException(protocol);
        }
      }
    }
  }

  private interface Question {
    String ask() throws IOException;
  }

  private void count(AtomicInteger right, String what, Question question) {
    String answer;
    try {
      answer = question.ask();
    } catch (IOException broken) {
      answer = broken.toString();
    }
    if (answer.isEmpty()) {
      right.incrementAndGet();
    } else {
      wrong.incrementAndGet();
      System.out.println("wrong " + what + ": " + answer);
    }
  }

  private static String askTcp(InetSocketAddress to, byte[] question) throws IOException {
    try (Socket socket = new Socket()) {
      socket.setSoTimeout(TIMEOUT_MILLIS);
      socket.connect(to, TIMEOUT_MILLIS);
      socket.getOutputStream().write(question);
      byte[] answer = socket.getInputStream().readNBytes(question.length);
      return Arrays.equals(answer, question) ? "" : "got " + answer.length + " bytes";
    }
  }

  /** For real NGINX, which answers whom it saw: perhaps it must be this client itself. */
  private static String askHttp(InetSocketAddress to, String name, boolean isOwn)
      throws IOException {
    try (Socket socket = new Socket()) {
      socket.setSoTimeout(TIMEOUT_MILLIS);
      socket.connect(to, TIMEOUT_MILLIS);
      String request = "GET /" + name + " HTTP/1.0\r\n\r\n";
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
      boolean isWhole = answer.startsWith("HTTP/1.1 200 OK") && answer.endsWith(" /" + name);
      String own = socket.getLocalAddress().getHostAddress() + " " + socket.getLocalPort();
      boolean isSeen = !isOwn || answer.contains("\r\n\r\n" + shortened(own) + " ");
      return isWhole && isSeen ? "" : "from " + own + " got \"" + answer + "\"";
    }
  }

  /** {@code fd09:1:0:0:0:0:0:1} as NGINX writes it. */
  private static String shortened(String address) {
    return address.replaceFirst("(:0)+:", "::");
  }

  private static String askUdp(InetSocketAddress to, byte[] question, Predicate<byte[]> isAnswer)
      throws IOException {
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.setSoTimeout(TIMEOUT_MILLIS);
      socket.send(new DatagramPacket(question, question.length, to));
      DatagramPacket reply = new DatagramPacket(new byte[2048], 2048);
      socket.receive(reply);
      boolean isRight =
          isAnswer.test(Arrays.copyOf(reply.getData(), reply.getLength()))
              && reply.getSocketAddress().equals(to);
      return isRight ? "" : "got " + reply.getLength() + " bytes from " + reply.getSocketAddress();
    }
  }

  /** The same id and question, no error, and the address at the end. */
  private static boolean isDnsAnswer(byte[] query, byte[] reply) {
    int end = reply.length;
    return end > query.length + 4
        && Arrays.equals(query, 0, 2, reply, 0, 2)
        && (reply[3] & 0xf) == 0
        && Arrays.equals(query, 12, query.length, reply, 12, query.length)
        && Arrays.equals(DNS_ANSWER, 0, 4, reply, end - 4, end);
  }

  private static InetAddress address(String prefix, Random random) {
    int slash = prefix.indexOf('/');
    byte[] address = InetAddress.ofLiteral(prefix.substring(0, slash)).getAddress();
    for (int bit = Integer.parseInt(prefix.substring(slash + 1)); bit < address.length * 8; bit++) {
      if (random.nextBoolean()) {
        address[bit / 8] |= (byte) (0x80 >> bit % 8);
      }
    }
    try {
      return InetAddress.getByAddress(address);
    } catch (UnknownHostException never) {
      throw new AssertionError(never);
    }
  }
}
