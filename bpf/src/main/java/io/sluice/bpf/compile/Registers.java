package io.sluice.bpf.compile;

import static java.lang.constant.ConstantDescs.CD_Object;
import static java.lang.constant.ConstantDescs.CD_int;
import static java.lang.constant.ConstantDescs.CD_long;

import io.sluice.bpf.run.Run;
import java.lang.classfile.CodeBuilder;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import java.util.ArrayList;
import java.util.List;

/**
 * The local variables of a function's method.
 *
 * <pre>
 *   0 run | 1–5 objects of R1–R5 | 6–15 their numbers | 16– the other objects, the other numbers,
 *   the stack, the frame's beginning, the budget, what comes next, a number for loops,
 *   an object that is held for a moment
 * </pre>
 */
final class Registers {
  static final ClassDesc RUN = descriptor(Run.class);
  static final ClassDesc BYTES = descriptor(byte[].class);
  static final ClassDesc LONGS = descriptor(long[].class);
  static final ClassDesc OBJECTS = descriptor(Object[].class);

  /** Of a whole function: the run, and R1 to R5. */
  static final MethodTypeDesc FUNCTION = function();

  /** Of a part of a function: the run, and the instruction to begin with. */
  static final MethodTypeDesc PART = MethodTypeDesc.of(CD_int, RUN, CD_int);

  private static final int FIRST_FREE = 16;
  private static final int SAVED = 10;

  private final CodeBuilder code;
  private final int[] objects = new int[11];
  private final int[] numbers = new int[11];
  final int stack;
  final int frame;
  final int budget;
  final int next;
  final int turn;
  final int held;

  /**
   * @param isPart whether the method is a part of a function, which finds its registers in the run
   */
  Registers(CodeBuilder code, boolean isPart) {
    this.code = code;
    int free = isPart ? 2 : FIRST_FREE;
    for (int i = 0; i <= 10; i++) {
      boolean given = !isPart && i >= 1 && i <= 5;
      objects[i] = given ? i : free++;
      if (given) {
        numbers[i] = 6 + 2 * (i - 1);
      } else {
        numbers[i] = free;
        free += 2;
      }
    }
    this.stack = free++;
    this.frame = free++;
    this.budget = free++;
    this.next = free++;
    this.turn = free;
    this.held = free + 2;
  }

  private static MethodTypeDesc function() {
    List<ClassDesc> parameters = new ArrayList<>(List.of(RUN));
    for (int i = 0; i < 5; i++) {
      parameters.add(CD_Object);
    }
    for (int i = 0; i < 5; i++) {
      parameters.add(CD_long);
    }
    return MethodTypeDesc.of(CD_long, parameters);
  }

  static ClassDesc descriptor(Class<?> type) {
    return type.describeConstable().orElseThrow();
  }

  void loadObject(int register) {
    code.aload(objects[register]);
  }

  void storeObject(int register) {
    code.astore(objects[register]);
  }

  void clearObject(int register) {
    code.aconst_null().astore(objects[register]);
  }

  void loadNumber(int register) {
    code.lload(numbers[register]);
  }

  void storeNumber(int register) {
    code.lstore(numbers[register]);
  }

  /** An address: a register's number and an offset. */
  void loadAddress(int register, int offset) {
    code.lload(numbers[register]);
    if (offset != 0) {
      code.loadConstant((long) offset).ladd();
    }
  }

  /** An address in the frame, from its end. */
  void loadFrameAddress(boolean isMain, int offset) {
    if (isMain) {
      code.loadConstant((long) Run.FRAME_BYTES + offset);
    } else {
      code.iload(frame).loadConstant(Run.FRAME_BYTES + offset).iadd().i2l();
    }
  }

  /** Everything that isn't a parameter gets a value. */
  void initialise(boolean isPart) {
    code.aload(0).getfield(RUN, "stack", BYTES).dup().astore(stack).astore(objects[10]);
    code.aload(0).getfield(RUN, "frame", CD_int).dup().istore(frame);
    code.loadConstant(Run.FRAME_BYTES).iadd().i2l().lstore(numbers[10]);
    loadBudget();
    code.iconst_0().istore(next);
    code.lconst_0().lstore(turn).aconst_null().astore(held);
    if (isPart) {
      restore();
      return;
    }
    for (int i : new int[] {0, 6, 7, 8, 9}) {
      code.aconst_null().astore(objects[i]).lconst_0().lstore(numbers[i]);
    }
  }

  void loadBudget() {
    code.aload(0).getfield(RUN, "budget", CD_int).istore(budget);
  }

  void saveBudget() {
    code.aload(0).iload(budget).putfield(RUN, "budget", CD_int);
  }

  /** All registers go into the run. */
  void save() {
    for (int i = 0; i < SAVED; i++) {
      code.aload(0).getfield(RUN, "numbers", LONGS).loadConstant(i).lload(numbers[i]).lastore();
      code.aload(0).getfield(RUN, "objects", OBJECTS).loadConstant(i).aload(objects[i]).aastore();
    }
    saveBudget();
  }

  /** The parameters of a function go into the run. */
  static void saveParameters(CodeBuilder code) {
    for (int i = 1; i <= 5; i++) {
      code.aload(0).getfield(RUN, "numbers", LONGS).loadConstant(i);
      code.lload(6 + 2 * (i - 1)).lastore();
      code.aload(0).getfield(RUN, "objects", OBJECTS).loadConstant(i).aload(i).aastore();
    }
  }

  private void restore() {
    for (int i = 0; i < SAVED; i++) {
      code.aload(0).getfield(RUN, "numbers", LONGS).loadConstant(i).laload().lstore(numbers[i]);
      code.aload(0).getfield(RUN, "objects", OBJECTS).loadConstant(i).aaload().astore(objects[i]);
    }
  }
}
