package io.sluice.proxy.it;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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
    SluiceProcess nginx =
        start(netns, home, nginx(home, addresses), "nginx", "-p", home.toString(), "-c");
    return new RealServers(
        home, nginx, start(netns, home, unbound(home, addresses), "unbound", "-d", "-c"));
  }

  private static SluiceProcess start(
      Netns netns, Path home, String configuration, String... command) throws IOException {
    Path file = Files.writeString(home.resolve(command[0] + ".conf"), configuration);
    List<String> all = new ArrayList<>(netns.inside(List.of(command)));
    all.add(file.toString());
    return SluiceProcess.start(home, all);
  }

  private static String nginx(Path home, List<String> addresses) {
    StringBuilder listen = new StringBuilder();
    StringBuilder listenAnnounced = new StringBuilder();
    for (String address : addresses) {
      String host = address.contains(":") ? "[" + address + "]" : address;
      listen.append("listen " + host + ":" + PORT + " backlog=1024; ");
      listenAnnounced.append("listen " + host + ":" + ANNOUNCED_PORT + " proxy_protocol; ");
    }
    return """
    daemon off;
    pid %1$s/nginx.pid;
    error_log stderr;
    events {}
    http {
      log_format own "$remote_addr $remote_port $server_addr $server_port $uri";
      access_log %1$s/access.log own;
      client_body_temp_path %1$s/body; proxy_temp_path %1$s/proxy; fastcgi_temp_path %1$s/fastcgi;
      uwsgi_temp_path %1$s/uwsgi; scgi_temp_path %1$s/scgi;
      server {
        %2$s
        location / { return 200 "$remote_addr $remote_port $server_addr $server_port $uri"; }
      }
      server {
        %3$s
        location / {
          return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port $uri";
        }
      }
    }
    """
        .formatted(home, listen, listenAnnounced);
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
