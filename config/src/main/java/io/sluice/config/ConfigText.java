package io.sluice.config;

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.snakeyaml.engine.v2.scanner.StreamReader;

/**
 * What a file says, as characters. It stays bytes: a large file is decoded as it is read, and never
 * stands in memory a second time.
 */
sealed interface ConfigText {
  /** From the beginning; without a byte order mark. */
  Reader reader();

  /** How many characters there are, or more. */
  int maxLength();

  /** A text that is there already. */
  record Characters(String text) implements ConfigText {
    @Override
    public Reader reader() {
      return new StringReader(text);
    }

    @Override
    public int maxLength() {
      return text.length();
    }
  }

  /** A file's content in UTF-8. */
  final class Utf8 implements ConfigText {
    private final byte[] bytes;
    private final int start;

    /**
     * The content of a file.
     *
     * @param bytes not copied; a byte order mark at their beginning is passed over
     */
    Utf8(byte[] bytes) {
      boolean isMarked =
          bytes.length >= 3
              && bytes[0] == (byte) 0xef
              && bytes[1] == (byte) 0xbb
              && bytes[2] == (byte) 0xbf;
      this.bytes = bytes;
      this.start = isMarked ? 3 : 0;
    }

    byte[] bytes() {
      return bytes;
    }

    /** Where the text begins. */
    int start() {
      return start;
    }

    @Override
    public Reader reader() {
      return new InputStreamReader(
          new ByteArrayInputStream(bytes, start, bytes.length - start), StandardCharsets.UTF_8);
    }

    @Override
    public int maxLength() {
      return bytes.length - start;
    }

    /** Reports the first byte that isn't UTF-8; false then. */
    boolean isUtf8(Problems problems) {
      ByteBuffer in = ByteBuffer.wrap(bytes, start, bytes.length - start);
      CharBuffer out = CharBuffer.allocate(1 << 13);
      CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
      Place place = new Place();
      while (true) {
        CoderResult result = decoder.decode(in, out, true);
        out.flip();
        while (out.hasRemaining()) {
          place.next(out.get());
        }
        if (result.isError()) {
          problems.error(
              place.line,
              place.column,
              "",
              String.format(
                  "the byte 0x%02x here is not UTF-8; save the file as UTF-8",
                  bytes[in.position()]));
          return false;
        }
        if (result.isUnderflow()) {
          return true;
        }
        out.clear();
      }
    }
  }

  /** Reports the first character that YAML doesn't allow; false then. */
  default boolean isPrintable(Problems problems) {
    Place place = new Place();
    char[] chunk = new char[1 << 13];
    try (Reader in = reader()) {
      char high = 0; // the first half of a character that the next one completes
      for (int count = in.read(chunk); count >= 0; count = in.read(chunk)) {
        for (int i = 0; i < count; i++) {
          char c = chunk[i];
          boolean isPair = high != 0 && Character.isLowSurrogate(c);
          if (high != 0 && !isPair) {
            reportCharacter(high, place, problems);
            return false;
          }
          high = 0;
          if (Character.isHighSurrogate(c)) {
            high = c;
          } else if (!isPair && !(c >= ' ' && c <= '~') && !StreamReader.isPrintable(c)) {
            reportCharacter(c, place, problems);
            return false;
          } else {
            place.next(c);
          }
        }
      }
      if (high != 0) {
        reportCharacter(high, place, problems);
      }
      return high == 0;
    } catch (IOException e) {
      throw new UncheckedIOException(e); // it is memory that is read
    }
  }

  private static void reportCharacter(char c, Place place, Problems problems) {
    problems.error(
        place.line,
        place.column,
        "",
        String.format("the character U+%04X isn't allowed in YAML", (int) c));
  }

  /** A line, counted from 0; empty if there is none. */
  default String line(int index) {
    try (Stream<String> lines = new BufferedReader(reader()).lines()) {
      return lines.skip(index).findFirst().orElse("");
    }
  }

  /** Where the next character stands, as problems say it. */
  final class Place {
    private int line = 1;
    private int column = 1;

    /** Goes on behind a character; of a pair, behind its second half. */
    void next(char c) {
      if (c == '\n') {
        line++;
        column = 1;
      } else if (!Character.isHighSurrogate(c)) {
        column++;
      }
    }
  }
}
