package io.sluice.bpf;

import io.sluice.bpf.isa.Opcode;
import io.sluice.bpf.object.LinkedProgram;
import io.sluice.bpf.object.MapKind;
import io.sluice.bpf.object.MapSpec;
import io.sluice.bpf.object.Reference;
import io.sluice.bpf.run.ProgramType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/**
 * Writes a random program, nearly always one that the verifier takes: arithmetic, jumps forward,
 * bounded loops, calls of its own functions and of helpers, the stack, maps, atomic operations.
 *
 * <pre>
 *   R6 context, memory or what the function was handed | R8, R9 count loops | the others numbers
 *   fp-8 a key | fp-72 to fp-8 numbers | fp-80 R6, spilled
 * </pre>
 */
final class RandomPrograms extends InstructionWriter {
  static final int VALUE_BYTES = 16;
  static final int MEMORY_BYTES = 64;

  static final List<MapSpec> MAPS =
      List.of(
          MapSpec.of("array", MapKind.ARRAY, 4, VALUE_BYTES, 4, 0),
          MapSpec.of("hash", MapKind.HASH, 4, VALUE_BYTES, 5, 0),
          MapSpec.of("perCpu", MapKind.PERCPU_ARRAY, 4, VALUE_BYTES, 3, 0));

  private static final int ANCHOR = 6;
  private static final int KEY = -8;
  private static final int SPILL = -80;

  private final Random random;
  private final ProgramType type;
  private final int functions;

  /** What R6 is. */
  private enum Anchor {
    CONTEXT,
    MEMORY,
    NUMBER
  }

  private Anchor anchor = Anchor.NUMBER;
  private int anchorBytes;
  private int function;
  private int loops;

  private RandomPrograms(Random random, ProgramType type) {
    this.random = random;
    this.type = type;
    this.functions = random.nextBoolean() ? 0 : random.nextInt(4);
  }

  /**
   * A program of about so many instructions.
   *
   * @param instructions of its longest function, the first or another
   */
  static LinkedProgram next(Random random, ProgramType type, int instructions) {
    return new RandomPrograms(random, type).program(instructions);
  }

  private LinkedProgram program(int instructions) {
    Map<Integer, String> starts = new TreeMap<>();
    List<Integer> starting = new ArrayList<>();
    int longest = random.nextInt(3) > 0 ? 0 : random.nextInt(functions + 1);
    for (function = 0; function <= functions; function++) {
      starting.add(words.size());
      starts.put(words.size(), "f" + function);
      enter();
      block(function == longest ? instructions : 4 + random.nextInt(12), 0);
      if (function == 0) {
        callAll();
      }
      if (function == 0 && type.returnsVerdict()) {
        immediate(Opcode.ALU64 | Opcode.AND, 0, 1);
      }
      add(Opcode.JMP | Opcode.EXIT, 0, 0, 0, 0);
    }
    return finish(type.section(), starts, starting);
  }

  /** Whether a function is handed a pointer in R1; else it is a number, as of callbacks. */
  private static boolean takesPointer(int function) {
    return function % 2 == 1;
  }

  private void enter() {
    register(Opcode.ALU64 | Opcode.MOV, ANCHOR, 1);
    if (function == 0) {
      anchor = type == ProgramType.MEMORY ? Anchor.MEMORY : Anchor.CONTEXT;
      anchorBytes = MEMORY_BYTES;
    } else {
      anchor = takesPointer(function) ? Anchor.MEMORY : Anchor.NUMBER;
      anchorBytes = VALUE_BYTES;
    }
    loops = 0;
    for (int i = 0; i < FP; i++) {
      boolean given = i == 1 && function > 0 && anchor == Anchor.NUMBER;
      if (i != ANCHOR && !given) {
        constant(i);
      }
    }
    for (int at = -72; at < 0; at += 8) {
      add(Opcode.STX | Opcode.MEM | 0x18, FP, random.nextInt(6), at, 0);
      if (random.nextInt(4) == 0) {
        add(Opcode.ST | Opcode.MEM | 0x18, FP, 0, at, random.nextInt());
      }
    }
    add(Opcode.STX | Opcode.MEM | 0x18, FP, ANCHOR, SPILL, 0);
  }

  private void block(int size, int depth) {
    int end = words.size() + size;
    while (words.size() < end) {
      int rest = end - words.size();
      int dice = random.nextInt(100);
      if (dice < 50) {
        arithmetic();
      } else if (dice < 62) {
        stack();
      } else if (dice < 70) {
        anchored();
      } else if (dice < 74) {
        atomic(FP, -8 * (2 + random.nextInt(8)));
      } else if (dice < 84) {
        branch(rest, depth);
      } else if (dice < 88) {
        loop(rest, depth);
      } else if (dice < 92) {
        map(depth);
      } else if (dice < 95) {
        call(depth);
      } else if (dice < 97) {
        somewhereOnTheStack();
      } else if (dice < 99) {
        spill();
      } else if (words.size() < 200 && random.nextInt(12) == 0) {
        wild();
      }
    }
  }

  private void arithmetic() {
    int code = CODES[random.nextInt(CODES.length)];
    boolean wide = random.nextBoolean();
    int kind = wide ? Opcode.ALU64 : Opcode.ALU;
    int to = writable();
    if (code == Opcode.NEG) {
      immediate(kind | code, to, 0);
    } else if (code == Opcode.END) {
      int swaps = !wide && random.nextBoolean() ? 8 : 0;
      immediate(kind | code | swaps, to, 16 << random.nextInt(3));
    } else if (random.nextBoolean()) {
      int offset =
          switch (code) {
            case Opcode.DIV, Opcode.MOD -> random.nextInt(2);
            case Opcode.MOV -> random.nextInt(wide ? 4 : 3) * 8;
            default -> 0;
          };
      add(kind | code | 8, to, readable(), offset == 24 ? 32 : offset, 0);
    } else {
      int value = number();
      boolean divides = code == Opcode.DIV || code == Opcode.MOD;
      boolean shifts = code == Opcode.LSH || code == Opcode.RSH || code == Opcode.ARSH;
      value = divides && value == 0 ? 3 : shifts ? value & (wide ? 63 : 31) : value;
      add(kind | code, to, 0, divides ? random.nextInt(2) : 0, value);
    }
  }

  private int number() {
    return switch (random.nextInt(5)) {
      case 0 -> random.nextInt(4) - 1;
      case 1 -> random.nextInt(100);
      case 2 -> 1 << random.nextInt(32);
      default -> random.nextInt();
    };
  }

  private int writable() {
    int register;
    do {
      register = random.nextInt(FP - loops);
    } while (register == ANCHOR);
    return register;
  }

  private int readable() {
    int register;
    do {
      register = random.nextInt(FP);
    } while (register == ANCHOR && anchor != Anchor.NUMBER);
    return register;
  }

  private void stack() {
    int log = random.nextInt(4);
    int size = 1 << log;
    int at = random.nextInt(64 / size) * size - 72;
    if (type == ProgramType.MEMORY && random.nextInt(8) == 0 && at + size < -9) {
      at++;
    }
    access(FP, at, log);
  }

  /** A load or store of 1 << log bytes. */
  private void access(int base, int at, int log) {
    switch (random.nextInt(4)) {
      case 0 -> add(Opcode.STX | Opcode.MEM | SIZE_BITS[log], base, readable(), at, 0);
      case 1 -> add(Opcode.ST | Opcode.MEM | SIZE_BITS[log], base, 0, at, number());
      case 2 ->
          add(
              Opcode.LDX | (log < 3 ? Opcode.MEMSX : Opcode.MEM) | SIZE_BITS[log],
              writable(),
              base,
              at,
              0);
      default -> add(Opcode.LDX | Opcode.MEM | SIZE_BITS[log], writable(), base, at, 0);
    }
  }

  private void anchored() {
    switch (anchor) {
      case CONTEXT -> {
        int field = CONTEXT_FIELDS[random.nextInt(CONTEXT_FIELDS.length)];
        int log = random.nextInt(3);
        add(
            Opcode.LDX | Opcode.MEM | SIZE_BITS[log],
            writable(),
            ANCHOR,
            field + (log == 0 ? random.nextInt(2) : 0),
            0);
      }
      case MEMORY -> {
        if (random.nextInt(4) == 0) {
          atomic(ANCHOR, random.nextInt(anchorBytes / 8) * 8);
        } else {
          // Of 8 bytes it may be a pointer, as far as the verifier knows: those are stored only.
          int log = random.nextInt(function == 0 ? 4 : 3);
          access(ANCHOR, random.nextInt(anchorBytes >> log) << log, log);
        }
      }
      case NUMBER -> arithmetic();
    }
  }

  private void atomic(int base, int at) {
    int size = random.nextInt(2) * 0x18;
    int operation = ATOMICS[random.nextInt(ATOMICS.length)];
    add(Opcode.STX | Opcode.ATOMIC | size, base, writable(), at, operation);
  }

  private int condition() {
    int kind = random.nextBoolean() ? Opcode.JMP : Opcode.JMP32;
    int code = CONDITIONS[random.nextInt(CONDITIONS.length)] | kind;
    if (random.nextBoolean()) {
      return add(code | 8, readable(), readable(), 0, 0);
    }
    return add(code, readable(), 0, 0, number());
  }

  private void branch(int rest, int depth) {
    if (depth > 6) {
      return;
    }
    int jump = condition();
    block(1 + random.nextInt(Math.max(1, random.nextBoolean() ? 6 : rest / 2)), depth + 1);
    if (random.nextBoolean()) {
      int over = add(Opcode.JMP | Opcode.JA, 0, 0, 0, 0);
      land(jump);
      block(1 + random.nextInt(8), depth + 1);
      land(over);
    } else {
      land(jump);
    }
  }

  private void loop(int rest, int depth) {
    if (loops == 2 || depth > 6) {
      return;
    }
    int counter = 9 - loops;
    immediate(Opcode.ALU64 | Opcode.MOV, counter, 1 + random.nextInt(4));
    loops++;
    int top = words.size();
    block(1 + random.nextInt(Math.max(1, random.nextInt(3) > 0 ? 8 : rest / 3)), depth + 1);
    loops--;
    immediate(Opcode.ALU64 | Opcode.ADD, counter, -1);
    int back = add(Opcode.JMP | Opcode.JNE, counter, 0, 0, 0);
    landAt(back, top);
  }

  private void map(int depth) {
    MapSpec map = MAPS.get(random.nextInt(MAPS.size()));
    add(Opcode.ST | Opcode.MEM, FP, 0, KEY, random.nextInt(7));
    if (random.nextInt(3) == 0) {
      add(Opcode.STX | Opcode.MEM, FP, readable(), KEY, 0);
    }
    references.put(words.size(), new Reference.ToMap(map));
    add(Opcode.LDDW, 1, 1, 0, 0);
    words.add(0L);
    pointer(2, KEY);
    int helper = 1 + random.nextInt(3);
    if (helper == 2) {
      pointer(3, -8 * (4 + random.nextInt(5)));
      immediate(Opcode.ALU64 | Opcode.MOV, 4, random.nextInt(4));
    }
    add(Opcode.JMP | Opcode.CALL, 0, 0, 0, helper);
    if (helper == 1) {
      for (int i = 1; i <= 5; i++) {
        constant(i);
      }
      int jump = add(Opcode.JMP | Opcode.JEQ, 0, 0, 0, 0);
      int uses = 1 + random.nextInt(3);
      register(Opcode.ALU64 | Opcode.MOV, 7, 0);
      for (int i = 0; i < uses; i++) {
        useValue();
      }
      if (random.nextInt(3) == 0 && depth < 5) {
        handValue();
      }
      land(jump);
      constant(0);
      constant(7);
    } else {
      afterCall();
    }
  }

  /** R7 points at a value; the others are numbers. */
  private void useValue() {
    int log = random.nextInt(4);
    int at = random.nextInt(VALUE_BYTES >> log) << log;
    int with = random.nextInt(6);
    switch (random.nextInt(3)) {
      case 0 -> add(Opcode.LDX | Opcode.MEM | SIZE_BITS[log], 1 + random.nextInt(5), 7, at, 0);
      case 1 -> add(Opcode.STX | Opcode.MEM | SIZE_BITS[log], 7, with == 0 ? 5 : with, at, 0);
      default ->
          add(
              Opcode.STX | Opcode.ATOMIC | 0x18,
              7,
              1 + random.nextInt(5),
              random.nextInt(2) * 8,
              ATOMICS[random.nextInt(8)]);
    }
  }

  private void handValue() {
    for (int callee = function + 1; callee <= functions; callee++) {
      if (takesPointer(callee)) {
        register(Opcode.ALU64 | Opcode.MOV, 1, 7);
        callFunction(callee);
        return;
      }
    }
  }

  private void callFunction(int callee) {
    calls.put(words.size(), callee);
    add(Opcode.JMP | Opcode.CALL, 0, Opcode.CALL_LOCAL, 0, 0);
    afterCall();
  }

  private void afterCall() {
    for (int i = 1; i <= 5; i++) {
      if (random.nextBoolean()) {
        register(Opcode.ALU64 | Opcode.MOV, i, 0);
      } else {
        constant(i);
      }
    }
  }

  private void call(int depth) {
    if (function == functions || depth > 6) {
      return;
    }
    int callee = function + 1 + random.nextInt(functions - function);
    if (takesPointer(callee)) {
      pointer(1, -8 * (4 + random.nextInt(5)));
      callFunction(callee);
    } else if (random.nextInt(3) == 0) {
      immediate(Opcode.ALU64 | Opcode.MOV, 1, random.nextInt(4));
      calls.put(words.size(), callee);
      add(Opcode.LDDW, 2, 4, 0, 0);
      words.add(0L);
      immediate(Opcode.ALU64 | Opcode.MOV, 3, random.nextInt(100));
      immediate(Opcode.ALU64 | Opcode.MOV, 4, 0);
      add(Opcode.JMP | Opcode.CALL, 0, 0, 0, 181); // bpf_loop
      afterCall();
    } else {
      callFunction(callee);
    }
  }

  /** The kernel refuses functions that nobody calls. */
  private void callAll() {
    for (int callee = 1; callee <= functions; callee++) {
      if (takesPointer(callee)) {
        pointer(1, -32);
      }
      callFunction(callee);
    }
  }

  private void somewhereOnTheStack() {
    immediate(Opcode.ALU64 | Opcode.AND, 3, 0x38);
    pointer(5, -72);
    register(Opcode.ALU64 | Opcode.ADD, 5, 3);
    int log = random.nextInt(3);
    if (random.nextBoolean()) {
      add(Opcode.LDX | Opcode.MEM | SIZE_BITS[log], 4, 5, 0, 0);
    } else {
      add(Opcode.STX | Opcode.MEM | SIZE_BITS[log], 5, 4, 0, 0);
    }
    constant(5);
  }

  private void spill() {
    if (random.nextBoolean()) {
      add(Opcode.STX | Opcode.MEM | 0x18, FP, ANCHOR, SPILL, 0);
    } else {
      add(Opcode.LDX | Opcode.MEM | 0x18, ANCHOR, FP, SPILL, 0);
    }
  }

  /** A pointer where numbers are: it is refused, or looked at when it runs. */
  private void wild() {
    register(Opcode.ALU64 | Opcode.MOV, writable(), random.nextBoolean() ? FP : ANCHOR);
  }

  private void constant(int register) {
    if (random.nextInt(3) > 0) {
      immediate(Opcode.ALU64 | Opcode.MOV, register, number());
    } else {
      add(Opcode.LDDW, register, 0, 0, random.nextInt());
      words.add((long) random.nextInt() << 32);
    }
  }
}
