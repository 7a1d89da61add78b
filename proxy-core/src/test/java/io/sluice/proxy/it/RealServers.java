package io.sluice.proxy.it;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * NGINX for TCP and unbound for UDP, side by side on two ports of each address: clients as the
 * kernel sees them, and clients as PROXY protocol headers announce them. NGINX answers with the
 * client's address and port, the address and port it was told the client wanted, and the path;
 * unbound has {@value #ANSWER} for every name below {@code test}, and logs who asked.
 */
record RealServers(Path home, SluiceProcess nginx, SluiceProcess unbound) implements AutoCloseable {
  static final int PORT = 7000;
  static final int ANNOUNCED_PORT = 7001;
  static final String ANSWER = "192.0.2.7";

  static RealServers start(Path directory, Netns netns, List<String> addresses) throws IOException {
    for (String program : List.of("nginx", "unbound")) {
      assumeTrue(Netns.has(program), "needs " + program);
    }
    Path home = Files.createTempDirectory(directory, "servers");
    List<String> nginx = ServerPrograms.nginx(home, "", http(home, addresses));
    Path unbound = Files.writeString(home.resolve("unbound.conf"), unbound(home, addresses));
    return new RealServers(
        home,
        SluiceProcess.start(home, netns.inside(nginx)),
        SluiceProcess.start(
            home, netns.inside(List.of("unbound", "-d", "-c", unbound.toString()))));
  }

  private static String http(Path home, List<String> addresses) {
    StringBuilder listen = new StringBuilder();
    StringBuilder listenAnnounced = new StringBuilder();
    for (String address : addresses) {
      String host = address.contains(":") ? "[" + address + "]" : address;
      listen.append("listen " + host + ":" + PORT + " backlog=1024; ");
      listenAnnounced.append("listen " + host + ":" + ANNOUNCED_PORT + " proxy_protocol; ");
    }
    return """
    log_format own "$remote_addr $remote_port $server_addr $server_port $uri";
    access_log %3$s/access.log own;
    server {
      %1$s
      location / { return 200 "$remote_addr $remote_port $server_addr $server_port $uri"; }
    }
    server {
      %2$s
      location / {
        return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port $uri";
      }
    }
    """
        .formatted(listen, listenAnnounced, home);
  }

  private static String unbound(Path home, List<String> addresses) {
    StringBuilder interfaces = new StringBuilder();
    for (String address : addresses) {
      interfaces.append("  interface: " + address + "@" + PORT + "\n");
      interfaces.append("  interface: " + address + "@" + ANNOUNCED_PORT + "\n");
    }
    return """
    server:
      num-threads: 1
      port: %1$d
      proxy-protocol-port: %2$d
      access-control: 0.0.0.0/0 allow
      access-control: ::/0 allow
      do-tcp: no
      do-daemonize: no
      use-syslog: no
      logfile: ""
      log-queries: yes
      username: ""
      chroot: ""
      directory: "%3$s"
      pidfile: "%3$s/unbound.pid"
      local-zone: "test." redirect
      local-data: "test. A %4$s"
    %5$s
    remote-control:
      control-enable: no
    """
        .formatted(PORT, ANNOUNCED_PORT, home, ANSWER, interfaces);
  }

  @Override
  public void close() {
    unbound.close();
    nginx.close();
  }
}
