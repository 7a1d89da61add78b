package io.sluice.proxy.conformance;

import io.sluice.proxy.linux.BpfAssembler.If;
import java.util.List;

/**
 * A program's description, of which {@link KernelCode} makes code for the kernel and {@link
 * EngineProgram} a program of the engine. All that a program observes goes into a digest, which is
 * compared besides its verdict.
 */
sealed interface Step {
  /** A whole program: its steps, then its answer. */
  record Source(List<Step> steps, Answer answer) {}

  /** A load from {@code struct bpf_sk_lookup}; size 1, 2 or 4. */
  record Load(int offset, int bytes) {}

  /** Loads a field. */
  record Observe(Load load) implements Step {}

  /** Goes one way or the other. */
  record When(Condition condition, List<Step> then, List<Step> otherwise) implements Step {}

  /** {@code bpf_sk_assign}; what isn't there isn't assigned. */
  record Assign(Pick pick, long flags) implements Step {}

  /** Reads {@code ctx->sk} and its fields. */
  record Inspect() implements Step {}

  /** {@code bpf_map_update_elem} of the sockmap, with a socket that another lookup gave. */
  record PutSlot(Index index, Pick pick, long flags) implements Step {}

  /** {@code bpf_map_update_elem} of the sockhash. */
  record PutKey(HashKey key, Pick pick, long flags) implements Step {}

  /** {@code bpf_map_delete_elem} of the sockmap. */
  record DeleteSlot(Index index) implements Step {}

  /** {@code bpf_map_delete_elem} of the sockhash. */
  record DeleteKey(HashKey key) implements Step {}

  sealed interface Condition {
    /** The constant is compared with all 64 bits. */
    record Compare(Load load, If comparison, long constant) implements Condition {}

    /** The last assign, update or delete answered so. */
    record Answered(int result) implements Condition {}

    /** {@code ctx->sk} isn't NULL. */
    record Selected() implements Condition {}
  }

  sealed interface Pick {
    record Null() implements Pick {}

    /** {@code ctx->sk}. */
    record Current() implements Pick {}

    record Slot(Index index) implements Pick {}

    record Hashed(HashKey key) implements Pick {}

    /** What a data map has under a field's lowest bits is the index in the sockmap. */
    record Via(DataMaps.Kind kind, Load load, int mask) implements Pick {}
  }

  /** An index of the sockmap: a constant, plus a field's lowest bits. */
  record Index(int constant, Load load, int mask) {}

  /** A key of the sockhash: the protocol or a constant, then a field's lowest bits. */
  record HashKey(boolean ofProtocol, int constant, Load load, int mask) {}

  /** What the program returns. */
  enum Answer {
    PASS,
    DROP,
    /** Pass if the last helper answered 0. */
    BY_RESULT,
    /** Pass if the digest is odd. */
    BY_DIGEST
  }

  /** The result of a helper that wasn't called, as there was no socket to call it with. */
  int NOTHING_THERE = 7;

  /** A step of the digest. */
  static long mix(long digest, long value) {
    return digest * MULTIPLIER + value;
  }

  int MULTIPLIER = 1_000_003;
}
