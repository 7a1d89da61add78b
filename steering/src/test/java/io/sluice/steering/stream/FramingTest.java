package io.sluice.steering.stream;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.Errno;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The built-in parsers: where messages end, however the bytes come. */
final class FramingTest {
  private static final int LIMIT = 4096;
  private static final int EPROTO = Errno.EPROTO.negative();
  private static final int EMSGSIZE = Errno.EMSGSIZE.negative();

  private static final List<StreamParser> PARSERS =
      List.of(
          new LineParser(),
          new OctetCountedParser(),
          new SyslogParser(),
          new LengthFieldParser(0, 2, true, 0),
          new LengthFieldParser(3, 4, false, -7),
          new LengthFieldParser(1, 3, true, 2),
          new LengthFieldParser(0, 8, false, 0));

  static IntStream seeds() {
    return IntStream.range(0, 300);
  }

  private static int parse(StreamParser parser, byte[] bytes) {
    return parser.parse(new MessageView().of(ByteBuffer.wrap(bytes), 0, bytes.length, 0));
  }

  @ParameterizedTest
  @CsvSource({
    "'abc', 0",
    "'abc\n', 4",
    "'\n', 1",
    "'abc\r\ndef\n', 5",
    "'0123456789abcdef\n\n', 17",
  })
  void lines(String text, int length) {
    assertThat(parse(new LineParser(), text.getBytes(StandardCharsets.UTF_8))).isEqualTo(length);
  }

  @ParameterizedTest
  @CsvSource({
    "'5 hello', 7",
    "'5 he', 7",
    "'5', 0",
    "'12', 0",
    "'123456789', 0",
    "'123456789 ', 123456799",
    "'1234567890', -90",
    "'0 x', -71",
    "'05 x', -71",
    "' 5 x', -71",
    "'-5 x', -71",
    "'5x', -71",
    "'<134>1 x', -71",
    "'5\t', -71",
  })
  void octetCounts(String text, int length) {
    assertThat(parse(new OctetCountedParser(), text.getBytes(StandardCharsets.UTF_8)))
        .isEqualTo(length);
  }

  @ParameterizedTest
  @CsvSource({
    "'5 hello', 7",
    "'12', 0",
    "'123456789 ', 123456799",
    "'<13>a\n', 6",
    "'<13>a', 0",
    "'12\n', 3",
    "'2026-01-01 a\n', 13",
    "'1234567890 a\n', 13",
    "'0 x\n', 4",
    "' 5 x\n', 5",
    "'\n', 1",
  })
  void syslogInEitherFraming(String text, int length) {
    assertThat(parse(new SyslogParser(), text.getBytes(StandardCharsets.UTF_8))).isEqualTo(length);
  }

  @ParameterizedTest
  @CsvSource({
    "0,1,true,0, 05, 6",
    "0,2,true,0, 0105, 263",
    "0,2,false,0, 0105, 1283",
    "0,3,true,0, 000105, 264",
    "0,4,true,0, 00000105, 265",
    "2,4,false,0, ffff05010000, 267",
    "0,4,true,-4, 00000105, 261",
    "0,4,true,10, 00000000, 14",
    "0,4,true,0, 000000, 0",
    "0,4,true,-1, 00000000, -71",
    "0,4,true,0, 00000000, 4",
    "0,4,true,0, ffffffff, -90",
    "0,4,true,-5, ffffffff, -90",
    "0,8,true,0, 0000000000000005, 13",
    "0,8,false,0, 0500000000000000, 13",
    "0,8,true,0, ffffffffffffffff, -90",
    "0,8,true,0, 7fffffffffffffff, -90",
  })
  void lengthFields(
      int offset, int size, boolean bigEndian, int adjustment, String hex, int length) {
    byte[] bytes = HexFormat.of().parseHex(hex);
    assertThat(parse(new LengthFieldParser(offset, size, bigEndian, adjustment), bytes))
        .isEqualTo(length);
  }

  /** A random message, in the parser's framing. */
  private static byte[] message(StreamParser parser, Random random) {
    int length = random.nextInt(4) == 0 ? random.nextInt(2000) : random.nextInt(40);
    byte[] body = new byte[length];
    random.nextBytes(body);
    ByteArrayOutputStream message = new ByteArrayOutputStream();
    switch (parser) {
      case LineParser _ -> {
        for (byte b : body) {
          message.write(b == '\n' ? '_' : b);
        }
        message.write('\n');
      }
      case OctetCountedParser _ -> {
        message.writeBytes(((length + 1) + " ").getBytes(StandardCharsets.US_ASCII));
        message.writeBytes(body);
        message.write('.');
      }
      case SyslogParser _ -> {
        if (random.nextBoolean()) {
          return message(new OctetCountedParser(), random);
        }
        message.write('<');
        message.writeBytes(message(new LineParser(), random));
      }
      case LengthFieldParser it -> {
        int header = it.offset() + it.size();
        long value = (long) length + Math.max(0, it.adjustment()) - it.adjustment();
        byte[] head = new byte[header];
        random.nextBytes(head);
        for (int i = 0; i < it.size(); i++) {
          int shift = 8 * (it.bigEndian() ? it.size() - 1 - i : i);
          head[it.offset() + i] = (byte) (value >>> shift);
        }
        message.writeBytes(head);
        message.writeBytes(body);
        message.writeBytes(new byte[Math.max(0, it.adjustment())]);
      }
      default -> throw new AssertionError(parser);
    }
    return message.toByteArray();
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void howeverTheStreamIsCutTheMessagesAreTheSame(int seed) {
    Random random = new Random(seed);
    StreamParser parser = PARSERS.get(seed % PARSERS.size());
    List<byte[]> sent = new ArrayList<>();
    ByteArrayOutputStream stream = new ByteArrayOutputStream();
    for (int i = 0; i < 60; i++) {
      byte[] message = message(parser, random);
      sent.add(message);
      stream.writeBytes(message);
    }
    byte[] bytes = stream.toByteArray();
    ByteBuffer buffer = ByteBuffer.wrap(bytes).asReadOnlyBuffer();
    Strparser strparser = new Strparser(parser, LIMIT, 0);
    List<byte[]> received = new ArrayList<>();
    int from = 0;
    int most = 1 + random.nextInt(random.nextBoolean() ? 5 : 5000);
    for (int until = 0; until < bytes.length; ) {
      until = Math.min(bytes.length, until + 1 + random.nextInt(most));
      int length = strparser.next(buffer, from, until, 0);
      while (length > 0) {
        received.add(Arrays.copyOfRange(bytes, from, from + length));
        from += length;
        length = strparser.next(buffer, from, until, 0);
      }
      assertThat(length).as("seed %d", seed).isZero();
    }
    assertThat(received).as("seed %d", seed).hasSameSizeAs(sent);
    for (int i = 0; i < sent.size(); i++) {
      assertThat(received.get(i)).as("seed %d message %d", seed, i).isEqualTo(sent.get(i));
    }
    assertThat(strparser.isInMessage()).isFalse();
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void hostileBytesNeverThrowAndNeverExceedTheLimit(int seed) {
    Random random = new Random(seed);
    StreamParser parser = PARSERS.get(seed % PARSERS.size());
    byte[] bytes = new byte[20_000];
    random.nextBytes(bytes);
    int narrow = random.nextInt(3);
    for (int i = 0; i < bytes.length && narrow > 0; i++) {
      // Digits, spaces and small numbers get further than noise does.
      bytes[i] =
          narrow == 1
              ? (byte) "0123456789 \n".charAt((bytes[i] & 0xff) % 12)
              : (byte) (bytes[i] & 3);
    }
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    Strparser strparser = new Strparser(parser, LIMIT, 0);
    int from = 0;
    for (int until = 0; until < bytes.length && strparser.stopped() == null; ) {
      until = Math.min(bytes.length, until + 1 + random.nextInt(3000));
      int length = strparser.next(buffer, from, until, 0);
      while (length > 0) {
        assertThat(length).as("seed %d", seed).isLessThanOrEqualTo(Math.min(LIMIT, until - from));
        from += length;
        length = strparser.next(buffer, from, until, 0);
      }
      if (length == 0) {
        assertThat(until - from).as("held bytes, seed %d", seed).isLessThan(LIMIT + 3000);
      } else {
        assertThat(length).as("seed %d", seed).isIn(EPROTO, EMSGSIZE);
        assertThat(strparser.stopped()).isNotNull();
      }
    }
    assertThat(strparser.failure()).as("seed %d", seed).isNull();
  }
}
