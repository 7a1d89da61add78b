package io.sluice.proxy.check;

import io.sluice.proxy.connect.Upstreams;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.Watched;
import io.sluice.steering.Protocol;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * One exchange with a target: connects, sends, and reads until the question is answered. Tells
 * {@link Check#ended} once. Called on the checks' loop only.
 */
final class Probe extends Watched {
  private final Loop loop;
  private final Check check;
  private final Question question;
  private final boolean isStream;
  private final String send;
  private final StringBuilder answer = new StringBuilder();
  private boolean isConnected;
  private int sent;

  /**
   * @param fd connected, or being connected
   * @param header what goes ahead of the question
   */
  Probe(Loop loop, Check check, int fd, Protocol protocol, Question question, String header) {
    super(fd);
    this.loop = loop;
    this.check = check;
    this.question = question;
    this.isStream = protocol == Protocol.TCP;
    this.send = header + question.first();
  }

  /** Begins. A datagram socket is connected at once, and epoll reports a stream socket. */
  void begin() {
    if (!watch(loop, Loop.ALL_EDGES)) {
      end(null);
    }
  }

  @Override
  protected void ready(int events) {
    if (!isOpen()) {
      return;
    }
    if (!isConnected && (events & BROKEN) != 0) { // later, what has come is read first
      int errno = loop.syscalls().option(number(), Linux.SOL_SOCKET, Linux.SO_ERROR);
      end(Finding.bad(failure(errno)));
      return;
    }
    if (!isConnected && (events & WRITABLE) != 0) {
      isConnected = true;
    }
    if (isConnected && sent < send.length() && !send()) {
      return;
    }
    if (isConnected && isStream && sent == send.length()) {
      judge(false); // that it connects may be enough
    }
    if ((events & (READABLE | ENDING)) != 0 && isOpen()) {
      read();
    }
  }

  private boolean send() {
    byte[] rest = send.substring(sent).getBytes(StandardCharsets.ISO_8859_1);
    NativeBuffer buffer = loop.buffer();
    int length = Math.min(rest.length, Loop.BUFFER_BYTES);
    buffer.copyFrom(length == rest.length ? rest : Arrays.copyOf(rest, length));
    long result = loop.syscalls().send(number(), buffer.address(), length);
    if (result < 0 && result != -Linux.EAGAIN) {
      end(Finding.bad(failure((int) -result)));
      return false;
    }
    sent += (int) Math.max(0, result);
    return true;
  }

  private void read() {
    while (isOpen()) {
      long count = loop.syscalls().receive(number(), loop.buffer().address(), Loop.BUFFER_BYTES);
      if (count == -Linux.EAGAIN) {
        return;
      }
      if (count < 0) {
        end(Finding.bad(failure((int) -count)));
        return;
      }
      if (!isStream) {
        answer.setLength(0);
      }
      byte[] bytes = new byte[(int) Math.min(count, Question.MOST_BYTES - answer.length())];
      loop.buffer().bytes().get(0, bytes);
      answer.append(new String(bytes, StandardCharsets.ISO_8859_1));
      boolean isOver = isStream && (count == 0 || answer.length() >= Question.MOST_BYTES);
      judge(isOver);
      if (isOver && isOpen()) {
        end(Finding.bad("it closed the connection"));
      }
    }
  }

  private void judge(boolean isOver) {
    Finding outcome = question.judge(answer.toString(), isOver);
    if (outcome != null) {
      end(outcome);
    }
  }

  private static String failure(int errno) {
    return Upstreams.reason(errno).word()
        + " ("
        + Linux.errnoName(errno).toLowerCase(Locale.ROOT)
        + ")";
  }

  /** Its time is up. */
  void timeUp() {
    String at =
        !isConnected
            ? "connecting"
            : answer.isEmpty() ? "no answer" : "the answer was not complete";
    end(Finding.bad("timeout: " + at));
  }

  /** Closes it, and tells the check; null if nothing was found out. */
  private void end(@Nullable Finding outcome) {
    if (isOpen()) {
      if (isStream) {
        int _ = loop.syscalls().setResetOnClose(number()); // no TIME_WAIT for each check
      }
      close();
      check.ended(outcome);
    }
  }

  /** Nobody wants to know any more. */
  void cancel() {
    if (isOpen()) {
      close();
    }
  }

  @Override
  protected void failed(Throwable failure) {
    loop.fault("a check", failure);
    end(null);
  }
}
