package io.sluice.proxy.translate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.config.Config;
import io.sluice.config.ConfigReader;
import io.sluice.config.DestinationSpec;
import io.sluice.config.TargetSpec;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Configurations as the other proxies' manuals have them come to ours, which the reader takes. */
final class TranslationTest {
  private static final String HAPROXY =
      """
      global
        maxconn 20000
      defaults
        mode tcp
        timeout connect 5s
        timeout client 50000
        timeout server 50000
        retries 3
        option tcplog
      frontend mysql-in        # the database
        bind *:3306
        bind 192.0.2.7:3307-3309,[2001:db8::7]:3306
        maxconn 500
        default_backend mysql
      backend mysql
        balance leastconn
        option httpchk GET /health
        http-check expect status 200
        server db1 192.0.2.11:3306 check inter 2s rise 2 fall 3 weight 10 send-proxy-v2
        server db2 db2.internal:3306 check backup maxconn 50
      listen web
        bind :443 ssl crt /etc/site.pem
        balance source
        stick-table type ip size 1m
        server s1 127.0.0.1:8443
      """;

  private static final String NGINX =
      """
      user www-data;
      http { server { listen 80; } }
      stream {
          proxy_timeout 10m;
          upstream backend {
              hash $remote_addr consistent;
              server backend1.example.com:12345 weight=5;
              server 127.0.0.1:12346 max_fails=3 fail_timeout=30s;
              server unix:/tmp/backend3 backup;
          }
          upstream dns {
              server 192.0.2.53:53;
              server 192.0.2.54:53 down;   # is being mended
          }
          server {
              listen 12345;
              listen [::1]:12346;
              proxy_connect_timeout 1s;
              proxy_protocol on;
              proxy_pass backend;
          }
          server {
              listen 127.0.0.1:53 udp reuseport;
              proxy_responses 1;
              proxy_timeout 20s;
              proxy_pass dns;
          }
      }
      """;

  private static Config read(Translation made) throws Exception {
    return ConfigReader.read("made.yaml", made.yaml("it"), Map.of());
  }

  private static DestinationSpec destination(Config config, String label) {
    return config.destinations().stream()
        .filter(it -> it.label().equals(label))
        .findFirst()
        .orElseThrow();
  }

  private static List<String> bindings(Config config) {
    return config.bindings().asList().stream()
        .map(it -> it.protocol().word() + " " + it.match() + " " + it.label())
        .sorted()
        .toList();
  }

  @Test
  void haproxysFrontendsBecomeBindingsAndItsBackendsDestinations() throws Exception {
    Config config = read(HaproxyFile.read(HAPROXY));
    assertThat(bindings(config))
        .containsExactly(
            "tcp 0.0.0.0/0:3306 mysql",
            "tcp 0.0.0.0/0:443 web",
            "tcp 192.0.2.7/32:3307 mysql",
            "tcp 192.0.2.7/32:3308 mysql",
            "tcp 192.0.2.7/32:3309 mysql",
            "tcp 2001:db8::7/128:3306 mysql");
    DestinationSpec mysql = destination(config, "mysql");
    assertThat(mysql.selection().word()).isEqualTo("least-connections");
    assertThat(mysql.connectTimeout()).hasSeconds(5);
    assertThat(mysql.idleTimeout()).hasSeconds(50);
    assertThat(mysql.retries()).isEqualTo(3);
    assertThat(mysql.maxConnections()).isEqualTo(500);
    assertThat(mysql.proxyProtocol()).isNotNull();
    assertThat(mysql.targets().stream().map(it -> it.address().toString()).toList())
        .containsExactly("192.0.2.11:3306", "db2.internal:3306");
    assertThat(mysql.targets().getFirst().weight()).isEqualTo(10);
    assertThat(mysql.targets().getLast().isBackup()).isTrue();
    assertThat(destination(config, "web").selection().word()).isEqualTo("source");
  }

  @Test
  void whatHaproxyHasAndWeDoNotIsSaidWithItsLine() {
    assertThat(HaproxyFile.read(HAPROXY).notes())
        .anySatisfy(it -> assertThat(it).startsWith("line 20: maxconn: of server db2"))
        .anySatisfy(it -> assertThat(it).startsWith("line 22: ssl: TLS isn't ended here"))
        .anySatisfy(it -> assertThat(it).startsWith("line 24: stick-table type ip size 1m: "))
        .hasSize(3);
  }

  @Test
  void nginxsServersBecomeBindingsAndItsUpstreamsDestinations() throws Exception {
    Config config = read(NginxFile.read(NGINX));
    assertThat(bindings(config))
        .containsExactly(
            "tcp 0.0.0.0/0:12345 backend", "tcp ::1/128:12346 backend", "udp 127.0.0.1/32:53 dns");
    DestinationSpec backend = destination(config, "backend");
    assertThat(backend.selection().word()).isEqualTo("source");
    assertThat(backend.connectTimeout()).hasSeconds(1);
    assertThat(backend.idleTimeout()).hasMinutes(10);
    assertThat(backend.targets().stream().map(it -> it.address().toString()).toList())
        .containsExactly("backend1.example.com:12345", "127.0.0.1:12346", "unix:/tmp/backend3");
    DestinationSpec dns = destination(config, "dns");
    assertThat(dns.idleTimeout()).hasSeconds(20);
    assertThat(dns.targets().getLast().state()).isEqualTo(TargetSpec.State.MAINT);
  }

  @Test
  void whatNginxHasAndWeDoNotIsSaidWithItsLine() {
    assertThat(NginxFile.read(NGINX).notes().stream().collect(Collectors.joining("\n")))
        .contains("line 2: http: only stream is read")
        .contains("line 8: max_fails=3: passive: ")
        .contains("line 8: fail_timeout=30s: passive: ");
  }

  @Test
  void bracesThatDoNotMatchAreSaidInOneLine() {
    assertThatThrownBy(() -> NginxFile.read("stream {\n  server {\n}"))
        .hasMessage("line 1: a { without its }: stream");
    assertThatThrownBy(() -> NginxFile.read("}")).hasMessage("line 1: a } without its {");
  }

  @Test
  void nothingComesToAConfigurationThatIsValid() throws Exception {
    assertThat(read(HaproxyFile.read("")).destinations()).isEmpty();
    assertThat(read(NginxFile.read("")).destinations()).isEmpty();
  }
}
