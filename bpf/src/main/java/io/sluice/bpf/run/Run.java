package io.sluice.bpf.run;

import org.jspecify.annotations.Nullable;

/**
 * What runs of programs need, one after the other on one thread: stack, budget, and the context of
 * the run. It is kept from run to run, so that a run allocates nothing.
 *
 * <p>A register is a number and an object: a scalar has no object, and a pointer is an offset in
 * one. The stack keeps pointers' objects beside their offsets.
 */
public final class Run {
  /** The stack of one function, in bytes (MAX_BPF_STACK). */
  public static final int FRAME_BYTES = 512;

  /** How deep functions may call each other (MAX_CALL_FRAMES). */
  public static final int MAX_FRAMES = 8;

  /** The frames of all functions that run. */
  public final byte[] stack = new byte[MAX_FRAMES * FRAME_BYTES];

  /** The objects of pointers on the stack, by their word of 8 bytes. */
  public final @Nullable Object[] spilled = new @Nullable Object[stack.length / Long.BYTES];

  /** Registers between the parts of a function that is too long for one method. */
  public final long[] numbers = new long[10];

  public final @Nullable Object[] objects = new @Nullable Object[10];

  /** Where the frame of the running function begins in the stack. */
  public int frame;

  /** How many back edges and helper calls are left. */
  public int budget;

  /** The object of the pointer that a function returned. */
  public @Nullable Object returned;

  private @Nullable Object context;
  private final byte[] scratch = new byte[FRAME_BYTES];
  private byte @Nullable [] reservedRoom;
  private @Nullable RingBuffer reservedRing;
  private Trace trace = Trace.NONE;
  private boolean traced;
  private int loop;

  /** Hears what a run did; for {@code explain} and {@code program run}. */
  public interface Trace {
    Trace NONE = new Trace() {};

    /** A program looked up a key in a map. */
    default void lookedUp(Object map, byte[] key, boolean found) {}

    /** A program printed. */
    default void printed(String line) {}
  }

  /** A run begins. */
  public Run begin(Object context, int budget) {
    this.context = context;
    this.budget = budget;
    this.frame = 0;
    this.reservedRoom = null;
    this.reservedRing = null;
    return this;
  }

  public void trace(Trace trace) {
    this.trace = trace;
    this.traced = true;
  }

  boolean isTraced() {
    return traced;
  }

  public Trace trace() {
    return trace;
  }

  /** What the program's context is made of. */
  public Object context() {
    Object held = context;
    if (held == null) {
      throw Trap.nullPointer();
    }
    return held;
  }

  /** A call begins; compiled programs do the same for the frames of functions. */
  public void enter() {
    if (frame >= (MAX_FRAMES - 1) * FRAME_BYTES) {
      throw Trap.tooManyFrames();
    }
    frame += FRAME_BYTES;
  }

  public void leave() {
    frame -= FRAME_BYTES;
  }

  /** Takes from the budget. */
  void spend(int count) {
    budget -= count;
    if (budget < 0) {
      throw Trap.overBudget();
    }
  }

  /** The loop whose values of per-CPU maps this run has; 0 off the loops. */
  int loop() {
    return loop;
  }

  /** Sets {@link #loop()}: of the thread that it will run on. */
  public void loop(int index) {
    loop = Math.max(index, 0);
  }

  /** Notes that a record of a ring buffer is the program's, until it gives it back. */
  void reserved(byte[] room, RingBuffer ring) {
    reservedRoom = room;
    reservedRing = ring;
  }

  /** The ring buffer of a record, which the program gives back. */
  @SuppressWarnings("ReferenceEquality") // the same object is meant
  RingBuffer unreserve(@Nullable Object room, long offset) {
    RingBuffer ring = reservedRing;
    if (ring == null || room == null || room != reservedRoom || offset != 0) {
      throw Trap.nullPointer();
    }
    reservedRoom = null;
    reservedRing = null;
    return ring;
  }

  /** Bytes of memory, in an array from an offset on: its own, or a copy until the next call. */
  byte[] scratch(int length) {
    return length <= scratch.length ? scratch : new byte[length];
  }
}
