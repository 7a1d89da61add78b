/** The daemon: capture, relay, UDP flows, targets, admin, metrics and the command line. */
module io.sluice.proxy {
  requires static org.jspecify;
  requires ch.qos.logback.classic;
  requires ch.qos.logback.core;
  requires logstash.logback.encoder;
  requires io.sluice.steering;
  requires io.sluice.config;
  requires io.sluice.bpf;
  requires io.netty.common;
  requires io.netty.buffer;
  requires io.netty.transport;
  requires io.netty.transport.unix.common;
  requires io.netty.transport.classes.epoll;
  requires io.netty.codec;
  requires io.netty.codec.http;
  requires io.netty.codec.dns;
  requires io.netty.handler;
  requires io.netty.resolver;
  requires io.netty.resolver.dns;
  requires io.prometheus.metrics.model;
  requires info.picocli;
  requires java.management;
  requires jdk.httpserver;
  requires jdk.management;
  requires jdk.unsupported;
  requires micrometer.core;
  requires micrometer.registry.prometheus;
  requires org.slf4j;

  exports io.sluice.proxy.linux;

  opens io.sluice.proxy to
      info.picocli;

  provides ch.qos.logback.classic.spi.Configurator with
      io.sluice.proxy.observe.LogSetup;
}
