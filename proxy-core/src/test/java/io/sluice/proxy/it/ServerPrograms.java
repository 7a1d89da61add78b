package io.sluice.proxy.it;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** How tests run real servers: a configuration below a directory of the test's, and the command. */
final class ServerPrograms {
  private ServerPrograms() {}

  /**
   * NGINX in the foreground, which keeps all its files in its home.
   *
   * @param main what stands outside of {@code http}, besides
   * @param http what stands inside
   */
  static List<String> nginx(Path home, String main, String http) throws IOException {
    Path file = Files.createDirectories(home).resolve("nginx.conf");
    Files.writeString(
        file,
        """
        daemon off;
        pid %1$s/nginx.pid;
        error_log stderr;
        %2$s
        events {}
        http {
          client_body_temp_path %1$s/body; proxy_temp_path %1$s/proxy; fastcgi_temp_path %1$s/fastcgi;
          uwsgi_temp_path %1$s/uwsgi; scgi_temp_path %1$s/scgi;
          %3$s
        }
        """
            .formatted(home, main, http));
    return List.of("nginx", "-p", home.toString(), "-c", file.toString());
  }

  /**
   * dnsmasq in the foreground, on a port of 127.0.0.1: all names below {@code test} are 192.0.2.7.
   */
  static List<String> dnsmasq(int port, String... more) {
    List<String> command =
        new ArrayList<>(
            List.of(
                "dnsmasq",
                "--no-daemon",
                "--conf-file=/dev/null",
                "--port=" + port,
                "--listen-address=127.0.0.1",
                "--bind-interfaces",
                "--no-resolv",
                "--no-hosts",
                "--user=root",
                "--address=/test/192.0.2.7"));
    command.addAll(List.of(more));
    return command;
  }
}
