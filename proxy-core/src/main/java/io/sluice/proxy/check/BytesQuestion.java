package io.sluice.proxy.check;

import io.sluice.config.CheckSpec;
import org.jspecify.annotations.Nullable;

/** Sends some bytes, and expects some. */
final class BytesQuestion implements Question {
  private final String send;
  private final CheckSpec.@Nullable Expect expect;
  private final boolean isStream;

  BytesQuestion(String send, CheckSpec.@Nullable Expect expect, boolean isStream) {
    this.send = send;
    this.expect = expect;
    this.isStream = isStream;
  }

  @Override
  public String first() {
    return send;
  }

  @Override
  public @Nullable Finding judge(String answer, boolean isOver) {
    if (expect == null) {
      return isStream || !answer.isEmpty() || isOver ? Finding.good("answered") : null;
    }
    if (Question.has(answer, expect)) {
      return Finding.good("answered as expected");
    }
    return isOver || !isStream && !answer.isEmpty()
        ? Finding.bad("the answer is not the expected one")
        : null;
  }
}
