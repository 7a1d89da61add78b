package io.sluice.proxy.name;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.AddressedEnvelope;
import io.netty.handler.codec.dns.DefaultDnsQuestion;
import io.netty.handler.codec.dns.DnsRawRecord;
import io.netty.handler.codec.dns.DnsRecord;
import io.netty.handler.codec.dns.DnsRecordType;
import io.netty.handler.codec.dns.DnsResponse;
import io.netty.handler.codec.dns.DnsResponseCode;
import io.netty.handler.codec.dns.DnsSection;
import io.netty.util.concurrent.Future;
import io.sluice.steering.IpAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One question to one name server after another, until one answers: with addresses, or that there
 * are none. Called on the thread of its {@link DnsLookup}.
 */
final class DnsQuery {
  /** When it is worth asking again for what nobody knew, if the other family's answer is good. */
  private static final long RETRY_MILLIS = 30_000;

  private static final Result UNKNOWN = new Result(null, RETRY_MILLIS);

  private final DnsServers servers;
  private final String name;
  private final DnsRecordType type;
  private final Consumer<Result> then;
  private final int first;
  private int tries;

  /**
   * The answer to the query.
   *
   * @param addresses null if nobody answered, or nobody knew
   */
  record Result(@Nullable List<IpAddress> addresses, long ttlMillis) {}

  DnsQuery(DnsServers servers, String name, DnsRecordType type, Consumer<Result> then) {
    this.servers = servers;
    this.name = name;
    this.type = type;
    this.then = then;
    this.first = servers.preferred;
  }

  void ask() {
    int count = servers.configuration().servers().size();
    if (tries == count * servers.configuration().attempts()) {
      then.accept(UNKNOWN);
      return;
    }
    int server = (first + tries++) % count;
    Future<AddressedEnvelope<DnsResponse, InetSocketAddress>> asked;
    try {
      asked =
          servers.socket(server).query(servers.address(server), new DefaultDnsQuestion(name, type));
    } catch (IllegalArgumentException _) {
      then.accept(UNKNOWN); // no name of the DNS, such as one with a label of 64 characters
      return;
    }
    asked.addListener((Future<AddressedEnvelope<DnsResponse, InetSocketAddress>> answer) -> {
      Result result = answer.isSuccess() ? read(answer.getNow()) : null;
      if (result == null) {
        ask();
      } else {
        servers.preferred = server;
        then.accept(result);
      }
    });
  }

  /** What an answer says; null if the server can't say. Releases it. */
  private @Nullable Result read(AddressedEnvelope<DnsResponse, InetSocketAddress> answer) {
    try {
      DnsResponse response = answer.content();
      if (response.code().equals(DnsResponseCode.NXDOMAIN)) {
        return new Result(List.of(), Long.MAX_VALUE);
      }
      return response.code().equals(DnsResponseCode.NOERROR) ? addresses(response) : null;
    } finally {
      answer.release();
    }
  }

  private Result addresses(DnsResponse response) {
    List<IpAddress> addresses = new ArrayList<>();
    long ttlMillis = Long.MAX_VALUE;
    for (int i = 0; i < response.count(DnsSection.ANSWER); i++) {
      DnsRecord record = response.recordAt(DnsSection.ANSWER, i); // the aliases' times count, too
      ttlMillis = Math.min(ttlMillis, 1_000 * record.timeToLive());
      if (record.type().equals(type) && record instanceof DnsRawRecord raw) {
        IpAddress address = address(raw.content());
        if (address != null && !addresses.contains(address)) {
          addresses.add(address);
        }
      }
    }
    return new Result(List.copyOf(addresses), addresses.isEmpty() ? Long.MAX_VALUE : ttlMillis);
  }

  private @Nullable IpAddress address(ByteBuf content) {
    int bytes = type.equals(DnsRecordType.A) ? 4 : 16;
    return content.readableBytes() == bytes
        ? IpAddress.ofBytes(ByteBufUtil.getBytes(content))
        : null;
  }
}
