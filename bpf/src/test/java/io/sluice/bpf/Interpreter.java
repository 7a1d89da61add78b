package io.sluice.bpf;

import io.sluice.bpf.isa.Instruction;
import io.sluice.bpf.isa.Opcode;
import io.sluice.bpf.object.LinkedProgram;
import io.sluice.bpf.object.MapSpec;
import io.sluice.bpf.object.Reference;
import io.sluice.bpf.run.Argument;
import io.sluice.bpf.run.Code;
import io.sluice.bpf.run.ContextField;
import io.sluice.bpf.run.Helper;
import io.sluice.bpf.run.Memory;
import io.sluice.bpf.run.ProgramType;
import io.sluice.bpf.run.Run;
import io.sluice.bpf.run.SocketFields;
import io.sluice.bpf.run.Trap;
import io.sluice.steering.Socket;
import io.sluice.steering.map.ArrayMap;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;

/**
 * Runs instructions one by one, as RFC 9669 describes them, without knowing types beforehand: what
 * compiled programs are held against. It shares with them helpers and memory, not arithmetic,
 * control flow or what a load is compiled to.
 */
@NullUnmarked // a verified program has them
final class Interpreter implements Code {
  private static final Object CONTEXT = new Object();

  private final LinkedProgram program;
  private final ProgramType type;
  private final Map<MapSpec, Object> maps;
  private long turns;

  Interpreter(LinkedProgram program, ProgramType type, Map<MapSpec, Object> maps) {
    this.program = program;
    this.type = type;
    this.maps = maps;
  }

  /** A register, or 8 bytes of the stack. */
  private record Value(long number, @Nullable Object object) {
    static Value of(long number) {
      return new Value(number, null);
    }
  }

  @Override
  public long run(Run run, @Nullable Object first, long second) {
    turns = run.budget;
    Value[] arguments = {
      new Value(0, type == ProgramType.MEMORY ? first : CONTEXT), Value.of(second)
    };
    return call(run, 0, arguments).number;
  }

  private Value call(Run run, int start, Value[] arguments) {
    Value[] registers = new Value[11];
    System.arraycopy(arguments, 0, registers, 1, arguments.length);
    registers[10] = new Value(run.frame + 512, run.stack);
    Arrays.fill(run.stack, run.frame, run.frame + 512, (byte) 0);
    int at = start;
    while (true) {
      Instruction it = new Instruction(program.word(at));
      switch (it.instructionClass()) {
        case Opcode.ALU, Opcode.ALU64 -> {
          registers[it.destination()] = arithmetic(it, registers);
          at++;
        }
        case Opcode.LD -> {
          registers[it.destination()] = reference(at, it);
          at += 2;
        }
        case Opcode.LDX -> {
          registers[it.destination()] = load(run, it, registers[it.source()]);
          at++;
        }
        case Opcode.ST, Opcode.STX -> {
          store(run, it, registers);
          at++;
        }
        default -> {
          if (it.isExit()) {
            return registers[0];
          }
          if (it.isCall()) {
            registers[0] = called(run, at, it, registers);
            at++;
          } else {
            boolean taken = it.code() == Opcode.JA || isTaken(it, registers);
            int next = at + 1 + (taken ? it.distance() : 0);
            if (next <= at && --turns < 0) {
              throw Trap.overBudget();
            }
            at = next;
          }
        }
      }
    }
  }

  private static Value arithmetic(Instruction it, Value[] registers) {
    Value right =
        it.isRegisterSource() && it.code() != Opcode.END
            ? registers[it.source()]
            : Value.of(it.immediate());
    boolean wide = it.instructionClass() == Opcode.ALU64;
    if (it.code() == Opcode.MOV) {
      if (wide && it.offset() == 0) {
        return right;
      }
      long moved = signExtended(right.number, it.offset());
      return Value.of(wide ? moved : moved & 0xffff_ffffL);
    }
    Value left = registers[it.destination()];
    if (it.code() == Opcode.END) {
      return Value.of(swapped(it, wide, left.number));
    }
    if (wide && it.code() == Opcode.ADD) {
      return new Value(
          left.number + right.number, left.object != null ? left.object : right.object);
    }
    if (wide && it.code() == Opcode.SUB) {
      return new Value(left.number - right.number, right.object != null ? null : left.object);
    }
    boolean signed = it.offset() == 1;
    if (wide) {
      return Value.of(of64(it.code(), signed, left.number, right.number));
    }
    return Value.of(of32(it.code(), signed, (int) left.number, (int) right.number) & 0xffff_ffffL);
  }

  private static long signExtended(long value, int bits) {
    return bits == 0 ? value : value << 64 - bits >> 64 - bits;
  }

  private static long swapped(Instruction it, boolean always, long value) {
    int bytes = it.immediate() / 8;
    long out = 0;
    for (int i = 0; i < bytes; i++) {
      long octet = value >>> i * 8 & 0xff;
      boolean swaps = always || it.isRegisterSource();
      out |= octet << (swaps ? bytes - 1 - i : i) * 8;
    }
    return out;
  }

  private static long of64(int code, boolean signed, long a, long b) {
    return switch (code) {
      case Opcode.MUL -> a * b;
      case Opcode.DIV -> b == 0 ? 0 : signed ? a / b : Long.divideUnsigned(a, b);
      case Opcode.MOD -> b == 0 ? a : signed ? a % b : Long.remainderUnsigned(a, b);
      case Opcode.OR -> a | b;
      case Opcode.AND -> a & b;
      case Opcode.XOR -> a ^ b;
      case Opcode.LSH -> a << (b & 63);
      case Opcode.RSH -> a >>> (b & 63);
      case Opcode.ARSH -> a >> (b & 63);
      case Opcode.NEG -> -a;
      default -> throw new IllegalStateException("code " + code);
    };
  }

  private static int of32(int code, boolean signed, int a, int b) {
    return switch (code) {
      case Opcode.ADD -> a + b;
      case Opcode.SUB -> a - b;
      case Opcode.MUL -> a * b;
      case Opcode.DIV -> b == 0 ? 0 : signed ? a / b : Integer.divideUnsigned(a, b);
      case Opcode.MOD -> b == 0 ? a : signed ? a % b : Integer.remainderUnsigned(a, b);
      case Opcode.OR -> a | b;
      case Opcode.AND -> a & b;
      case Opcode.XOR -> a ^ b;
      case Opcode.LSH -> a << (b & 31);
      case Opcode.RSH -> a >>> (b & 31);
      case Opcode.ARSH -> a >> (b & 31);
      case Opcode.NEG -> -a;
      default -> throw new IllegalStateException("code " + code);
    };
  }

  @SuppressWarnings("ReferenceEquality") // the same object is meant
  private static boolean isTaken(Instruction it, Value[] registers) {
    Value left = registers[it.destination()];
    Value right = it.isRegisterSource() ? registers[it.source()] : Value.of(it.immediate());
    boolean wide = it.instructionClass() == Opcode.JMP;
    if (wide && (it.code() == Opcode.JEQ || it.code() == Opcode.JNE)) {
      boolean same = left.object == right.object && left.number == right.number;
      return same == (it.code() == Opcode.JEQ);
    }
    long a = wide ? left.number : (int) left.number;
    long b = wide ? right.number : (int) right.number;
    long unsignedA = wide ? a : a & 0xffff_ffffL;
    long unsignedB = wide ? b : b & 0xffff_ffffL;
    return switch (it.code()) {
      case Opcode.JEQ -> a == b;
      case Opcode.JNE -> a != b;
      case Opcode.JSET -> (unsignedA & unsignedB) != 0;
      case Opcode.JGT -> Long.compareUnsigned(unsignedA, unsignedB) > 0;
      case Opcode.JGE -> Long.compareUnsigned(unsignedA, unsignedB) >= 0;
      case Opcode.JLT -> Long.compareUnsigned(unsignedA, unsignedB) < 0;
      case Opcode.JLE -> Long.compareUnsigned(unsignedA, unsignedB) <= 0;
      case Opcode.JSGT -> a > b;
      case Opcode.JSGE -> a >= b;
      case Opcode.JSLT -> a < b;
      case Opcode.JSLE -> a <= b;
      default -> throw new IllegalStateException(it.toString());
    };
  }

  private Value reference(int at, Instruction it) {
    return switch (program.reference(at)) {
      case null ->
          Value.of(program.word(at + 1) >>> 32 << 32 | Integer.toUnsignedLong(it.immediate()));
      case Reference.ToMap(var map) -> new Value(0, maps.get(map));
      case Reference.ToValue(var map, int offset) ->
          new Value(offset, ((ArrayMap) maps.get(map)).lookup(0));
      case Reference.ToFunction(int start) -> Value.of(start);
    };
  }

  @SuppressWarnings("ReferenceEquality") // the same object is meant
  private Value load(Run run, Instruction it, Value base) {
    long address = base.number + it.offset();
    if (base.object == CONTEXT) {
      return loadFromContext(run, it);
    }
    if (base.object instanceof Socket socket) {
      return Value.of(SocketFields.load(socket, (int) address, it.size()));
    }
    long loaded =
        switch (it.size()) {
          case 1 -> Memory.load1(base.object, address);
          case 2 -> Memory.load2(base.object, address);
          case 4 -> Memory.load4(base.object, address);
          default -> Memory.load8(base.object, address);
        };
    if (it.mode() == Opcode.MEMSX) {
      return Value.of(signExtended(loaded, it.size() * 8));
    }
    return new Value(loaded, it.size() == 8 ? Memory.spilled(run, base.object, address) : null);
  }

  private Value loadFromContext(Run run, Instruction it) {
    ContextField field = type.field(it.offset(), it.size());
    if (field == null) {
      throw new IllegalStateException("no field at " + it.offset());
    }
    Object read = invoke(field.accessors(), field.accessor(), List.of(run));
    return switch (field.kind()) {
      case NUMBER -> Value.of((long) read >>> field.shift() & field.mask());
      case SOCKET, PACKET -> new Value(0, read);
      case PACKET_END -> new Value(Memory.end(read), read);
    };
  }

  private void store(Run run, Instruction it, Value[] registers) {
    Value base = registers[it.destination()];
    long address = base.number + it.offset();
    Value value =
        it.instructionClass() == Opcode.STX ? registers[it.source()] : Value.of(it.immediate());
    if (it.isAtomic()) {
      Memory.spill(run, base.object, address, it.size(), null);
      long expected = registers[0] == null ? 0 : registers[0].number;
      long old =
          Memory.atomic(base.object, address, it.size(), it.immediate(), value.number, expected);
      if (it.immediate() == Opcode.CMPXCHG) {
        registers[0] = Value.of(old);
      } else if ((it.immediate() & Opcode.FETCH) != 0) {
        registers[it.source()] = Value.of(old);
      }
      return;
    }
    Memory.spill(run, base.object, address, it.size(), value.object);
    switch (it.size()) {
      case 1 -> Memory.store1(base.object, address, value.number);
      case 2 -> Memory.store2(base.object, address, value.number);
      case 4 -> Memory.store4(base.object, address, value.number);
      default -> Memory.store8(base.object, address, value.number);
    }
  }

  private Value called(Run run, int at, Instruction it, Value[] registers) {
    if (--turns < 0) {
      throw Trap.overBudget();
    }
    if (it.source() == Opcode.CALL_LOCAL) {
      return callFunction(run, at + 1 + it.immediate(), Arrays.copyOfRange(registers, 1, 6));
    }
    Helper helper = Helper.of(it.immediate());
    if (helper == Helper.LOOP) {
      return loop(run, registers);
    }
    List<@Nullable Object> arguments = new ArrayList<>(List.of(run));
    for (int i = 0; i < helper.arguments().size(); i++) {
      Argument argument = helper.arguments().get(i);
      if (argument.hasObject()) {
        arguments.add(registers[i + 1].object);
      }
      if (argument.hasNumber()) {
        arguments.add(registers[i + 1].number);
      }
    }
    Object result = invoke(helper.methods(), helper.method(), arguments);
    return switch (helper.result()) {
      case NUMBER -> Value.of((long) result);
      case NOTHING -> Value.of(0);
      case OF_MAP, RECORD -> new Value(0, result);
    };
  }

  private Value callFunction(Run run, int start, Value[] arguments) {
    run.enter();
    Value result = call(run, start, arguments);
    run.leave();
    return result;
  }

  private Value loop(Run run, Value[] registers) {
    long count = registers[1].number & 0xffff_ffffL;
    if (registers[4].number != 0 || count > 8 << 20) {
      return Value.of(registers[4].number != 0 ? -22 : -7);
    }
    long turn = 0;
    while (turn < count) {
      if (--turns < 0) {
        throw Trap.overBudget();
      }
      Value[] arguments = {Value.of(turn++), registers[3]};
      if (callFunction(run, (int) registers[2].number, arguments).number != 0) {
        break;
      }
    }
    return Value.of(turn);
  }

  private static @Nullable Object invoke(
      Class<?> owner, String name, List<@Nullable Object> arguments) {
    for (Method method : owner.getMethods()) {
      if (method.getName().equals(name) && method.getParameterCount() == arguments.size()) {
        try {
          return method.invoke(null, arguments.toArray());
        } catch (InvocationTargetException thrown) {
          if (thrown.getCause() instanceof RuntimeException it) {
            throw it;
          }
          throw new IllegalStateException(thrown.getCause());
        } catch (IllegalAccessException hidden) {
          throw new IllegalStateException(hidden);
        }
      }
    }
    throw new IllegalStateException("no method " + owner + "." + name);
  }
}
