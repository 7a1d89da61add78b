package io.sluice.proxy.cli;

import io.sluice.config.Config;
import io.sluice.config.ConfigException;
import io.sluice.config.ConfigReader;
import io.sluice.config.Lookup;
import io.sluice.proxy.admin.Explanation;
import io.sluice.proxy.control.Daemon;
import io.sluice.proxy.control.ExitCode;
import io.sluice.proxy.control.Signals;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code sluice demo}: servers, the daemon and clients in one process, on loopback. */
@Command(
    name = "demo",
    description = "Steers real requests on loopback, and shows how. Needs nothing but the JDK.",
    footer = {
      "",
      "Exit code 0 if every request was answered by the server that it was meant for, else 1."
    })
final class DemoCommand implements Callable<Integer> {
  private static final int TIMEOUT_MILLIS = 5_000;
  private static final String CONFIGURATION =
      """
      version: 1
      capture:
        - {name: web, protocols: [tcp], addresses: [127.0.1.0/24], ports: [8080]}
        - {name: l7,  protocols: [tcp], addresses: [127.0.2.1],    ports: ["10000-10999"]}
        - {name: dns, protocols: [udp], addresses: [127.0.3.0/24], ports: [9053]}
      bindings:
        - {label: web, protocol: tcp, prefix: 127.0.1.0/24, port: 8080}
        - {label: l7,  protocol: tcp, prefix: 127.0.2.1/32, port: any}
        - {label: dns, protocol: udp, prefix: 127.0.3.0/24, port: 9053}
      destinations:
        - {label: web, protocol: tcp, targets: ["127.0.0.1:${WEB}"]}
        - {label: l7,  protocol: tcp, targets: ["127.0.0.1:${L7}"]}
        - {label: dns, protocol: udp, targets: ["127.0.0.1:${DNS}"]}
      limits: {drain: 1s}
      admin: {http: "127.0.0.1:0"}
      """;

  @Option(
      names = "--once",
      description = "End after the requests, with exit code 0 only if all were steered right.")
  private boolean once;

  @Mixin HelpOption help = new HelpOption();

  @Spec private CommandSpec spec = CommandSpec.create();

  private int requests;
  private int wrong;

  @Override
  public Integer call() throws IOException, InterruptedException, ConfigException {
    System.setProperty("SLUICE_ACCESS_LOG", "OFF"); // read when logging starts, which is next
    System.setProperty("SLUICE_LOG_LEVEL", "WARN");
    PrintWriter out = spec.commandLine().getOut();
    try (DemoServers servers = new DemoServers()) {
      Map<String, String> ports =
          Map.of(
              "WEB", String.valueOf(servers.webPort()),
              "L7", String.valueOf(servers.l7Port()),
              "DNS", String.valueOf(servers.dnsPort()));
      Config config = ConfigReader.read("demo.yaml", CONFIGURATION, ports);
      Daemon daemon = new Daemon(config);
      daemon.start();
      try {
        out.println("Three servers and the daemon are up, with this configuration:\n");
        CONFIGURATION.lines().forEach(line -> out.println("    " + line));
        out.println();
        sendRequests(out);
        explain(out, daemon);
        counters(out, daemon);
        if (!once) {
          stayUp(out, daemon);
        }
      } finally {
        daemon.stop();
      }
    }
    out.printf("%d requests, %d steered wrong%n", requests, wrong);
    return wrong == 0 ? ExitCode.DONE : ExitCode.FAILED;
  }

  private void sendRequests(PrintWriter out) {
    for (int host : new int[] {1, 77, 254}) {
      http(out, "127.0.1." + host, 8080, "web");
    }
    for (int port : new int[] {10_000, 10_500, 10_999}) {
      http(out, "127.0.2.1", port, "l7");
    }
    for (int host : new int[] {1, 53, 254}) {
      dns(out, "127.0.3." + host);
    }
    // The rest without a line each.
    for (int host = 2; host < 254; host += 4) {
      http(null, "127.0.1." + host, 8080, "web");
      dns(null, "127.0.3." + host);
    }
    for (int port = 10_001; port < 11_000; port += 7) {
      http(null, "127.0.2.1", port, "l7");
    }
    out.printf("  … %d requests in all, %d steered wrong%n%n", requests, wrong);
  }

  private void http(@Nullable PrintWriter out, String host, int port, String server) {
    String answer;
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(InetAddress.ofLiteral(host), port), TIMEOUT_MILLIS);
      socket.setSoTimeout(TIMEOUT_MILLIS);
      String request =
          "GET / HTTP/1.1\r\nHost: " + host + ":" + port + "\r\nConnection: close\r\n\r\n";
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      String response = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      answer = response.substring(response.indexOf("\r\n\r\n") + 4).strip();
    } catch (IOException | RuntimeException failure) {
      answer = failure.toString();
    }
    boolean right = answer.contains("\"" + server + "\"") && answer.contains(host + ":" + port);
    note(out, "GET http://" + host + ":" + port + "/", answer, right);
  }

  private void dns(@Nullable PrintWriter out, String host) {
    String answer;
    boolean right = false;
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.setSoTimeout(TIMEOUT_MILLIS);
      byte[] query = DemoServers.query("www.test");
      InetSocketAddress to = new InetSocketAddress(InetAddress.ofLiteral(host), 9053);
      socket.send(new DatagramPacket(query, query.length, to));
      DatagramPacket reply = new DatagramPacket(new byte[512], 512);
      socket.receive(reply);
      byte[] address =
          Arrays.copyOfRange(reply.getData(), reply.getLength() - 4, reply.getLength());
      answer =
          InetAddress.getByAddress(address).getHostAddress()
              + ", from "
              + reply.getAddress().getHostAddress()
              + ":"
              + reply.getPort();
      right = reply.getSocketAddress().equals(to);
    } catch (IOException | RuntimeException failure) {
      answer = failure.toString();
    }
    note(out, "DNS www.test @" + host + ":9053", answer, right);
  }

  private void note(@Nullable PrintWriter out, String request, String answer, boolean right) {
    requests++;
    wrong += right ? 0 : 1;
    if (out != null || !right) {
      PrintWriter to = out == null ? spec.commandLine().getErr() : out;
      to.printf(Locale.ROOT, "  %-32s %s %s%n", request, right ? "→" : "WRONG", answer);
    }
  }

  private static void explain(PrintWriter out, Daemon daemon) {
    String lookup = "tcp 127.0.0.1:51234 127.0.1.77:8080";
    out.println("Why? sluice explain " + lookup + "\n");
    Explanation.of(Lookup.parse(lookup), daemon.snapshot())
        .toText()
        .lines()
        .forEach(line -> out.println("    " + line));
    out.println();
  }

  private static void counters(PrintWriter out, Daemon daemon) {
    daemon
        .snapshot()
        .destinations()
        .forEach(it ->
            out.printf(
                "  %-8s %5d lookups, %d bytes in, %d bytes out%n",
                it,
                it.traffic().lookups(io.sluice.steering.Family.IPV4).sum(),
                it.traffic().bytesIn.sum(),
                it.traffic().bytesOut.sum()));
    out.println();
  }

  private static void stayUp(PrintWriter out, Daemon daemon) throws InterruptedException {
    out.println("It stays up until you interrupt it. Try:\n");
    out.println("    curl http://127.0.1.77:8080/");
    out.println("    curl http://127.0.2.1:10042/");
    out.println("    kdig @127.0.3.5 -p 9053 www.test     # or dig");
    out.println("    curl http://" + daemon.adminAddress() + "/metrics\n");
    out.flush();
    CountDownLatch interrupted = new CountDownLatch(1);
    Signals.handle("INT", _ -> interrupted.countDown());
    Signals.handle("TERM", _ -> interrupted.countDown());
    interrupted.await();
  }
}
