package io.sluice.bpf.compile;

import static java.lang.constant.ConstantDescs.CD_Object;
import static java.lang.constant.ConstantDescs.CD_long;
import static java.lang.constant.ConstantDescs.MTD_void;

import io.sluice.bpf.object.MapSpec;
import io.sluice.bpf.run.Code;
import io.sluice.bpf.verify.Verified;
import java.lang.classfile.Attributes;
import java.lang.classfile.ClassBuilder;
import java.lang.classfile.ClassFile;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.Label;
import java.lang.classfile.MethodModel;
import java.lang.classfile.attribute.CodeAttribute;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.HashMap;
import java.util.Map;

/**
 * Makes a hidden class of a verified program; it is unloaded when nobody holds the code any more.
 *
 * <p>HotSpot never compiles a method of more than 8,000 bytes. So a function that comes out longer
 * is made anew, of parts: each is a method that takes its registers from the run, and says which
 * instruction comes next.
 */
public final class ProgramCompiler {
  private static final int MAX_METHOD_BYTES = 7_500;
  private static final int MAX_ATTEMPTS = 6;

  /** Instructions; each comes out at fewer than 80 bytes, and a method has at most 65,535. */
  private static final int MAX_PART = 800;

  private static final ClassDesc NAME = ClassDesc.of("io.sluice.bpf.compile.Program");
  private static final MethodTypeDesc RUN_METHOD =
      MethodTypeDesc.of(CD_long, Registers.RUN, CD_Object, CD_long);

  private final Verified verified;
  private final Constants constants;

  /** How many parts a function has. */
  private final Map<Integer, Integer> parts = new HashMap<>();

  private ProgramCompiler(Verified verified, Map<MapSpec, Object> maps) {
    this.verified = verified;
    this.constants = new Constants(maps);
  }

  /**
   * Compiles a program. Takes milliseconds: not for an event loop.
   *
   * @param maps all that it refers to
   */
  public static Code compile(Verified verified, Map<MapSpec, Object> maps) {
    ProgramCompiler compiler = new ProgramCompiler(verified, maps);
    byte[] bytes = compiler.classFile();
    try {
      MethodHandles.Lookup defined =
          MethodHandles.lookup()
              .defineHiddenClassWithClassData(bytes, compiler.constants.data(), true);
      return (Code)
          defined
              .findConstructor(defined.lookupClass(), MethodType.methodType(void.class))
              .invoke();
    } catch (Throwable unexpected) {
      throw new IllegalStateException("a verified program can't be linked", unexpected);
    }
  }

  /** The name of a function's method. */
  static String method(int function) {
    return "f" + function;
  }

  private byte[] classFile() {
    for (int attempt = 0; ; attempt++) {
      byte[] bytes = build();
      Map<Integer, Integer> longest = new HashMap<>();
      for (MethodModel method : ClassFile.of().parse(bytes).methods()) {
        measure(method, longest);
      }
      boolean fits = true;
      for (Map.Entry<Integer, Integer> function : longest.entrySet()) {
        fits &= splitIfTooLong(function.getKey(), function.getValue());
      }
      if (fits || attempt == MAX_ATTEMPTS) {
        return bytes;
      }
    }
  }

  /** Notes the bytes of a function's longest method; what calls its parts isn't one. */
  private void measure(MethodModel method, Map<Integer, Integer> longest) {
    String name = method.methodName().stringValue();
    if (name.charAt(0) != 'f') {
      return;
    }
    int underscore = name.indexOf('_');
    int function = Integer.parseInt(name.substring(1, underscore < 0 ? name.length() : underscore));
    if (underscore >= 0 || partsOf(function) == 1) {
      int bytes = method.findAttribute(Attributes.code()).map(CodeAttribute::codeLength).orElse(0);
      longest.merge(function, bytes, Math::max);
    }
  }

  private boolean splitIfTooLong(int function, int longest) {
    int count = partsOf(function);
    int wanted = Math.min(count * (1 + longest / MAX_METHOD_BYTES), lengthOf(function));
    if (longest > MAX_METHOD_BYTES) {
      parts.put(function, wanted);
    }
    return longest <= MAX_METHOD_BYTES || wanted == count;
  }

  private int lengthOf(int function) {
    return verified.program().endOf(function) - function;
  }

  /** At first as many as can't be longer than a class file's methods may be. */
  private int partsOf(int function) {
    return parts.computeIfAbsent(function, it -> 1 + lengthOf(it) / MAX_PART);
  }

  private byte[] build() {
    return ClassFile.of(ClassFile.StackMapsOption.STACK_MAPS_WHEN_REQUIRED)
        .build(
            NAME,
            it -> {
              it.withFlags(ClassFile.ACC_FINAL)
                  .withInterfaceSymbols(Registers.descriptor(Code.class));
              it.withMethodBody(
                  "<init>",
                  MTD_void,
                  0,
                  code -> code.aload(0).invokespecial(CD_Object, "<init>", MTD_void).return_());
              it.withMethodBody("run", RUN_METHOD, ClassFile.ACC_PUBLIC, ProgramCompiler::start);
              verified.functions().forEach(function -> function(it, function));
            });
  }

  private static void start(CodeBuilder code) {
    code.aload(1).aload(2).aconst_null().aconst_null().aconst_null().aconst_null();
    code.lconst_0().lload(3).lconst_0().lconst_0().lconst_0();
    code.invokestatic(NAME, method(0), Registers.FUNCTION).lreturn();
  }

  private void function(ClassBuilder builder, int function) {
    int end = verified.program().endOf(function);
    int count = partsOf(function);
    if (count == 1) {
      builder.withMethodBody(
          method(function),
          Registers.FUNCTION,
          ClassFile.ACC_STATIC,
          code ->
              new FunctionEmitter(code, verified, constants, NAME, function, function, end).emit());
      return;
    }
    int[] bounds = bounds(function, end, count);
    builder.withMethodBody(
        method(function),
        Registers.FUNCTION,
        ClassFile.ACC_STATIC,
        code -> dispatch(code, function, bounds));
    for (int i = 0; i < count; i++) {
      int from = bounds[i];
      int to = bounds[i + 1];
      builder.withMethodBody(
          method(function) + "_" + i,
          Registers.PART,
          ClassFile.ACC_STATIC,
          code -> new FunctionEmitter(code, verified, constants, NAME, function, from, to).emit());
    }
  }

  private int[] bounds(int function, int end, int count) {
    int[] bounds = new int[count + 1];
    for (int i = 0; i <= count; i++) {
      int at = function + (int) ((long) (end - function) * i / count);
      boolean inside = at > function && at < end && verified.isSecondWord(at);
      bounds[i] = inside ? at + 1 : at;
    }
    return bounds;
  }

  /** Runs one part after the other. */
  private void dispatch(CodeBuilder code, int function, int[] bounds) {
    int next = 16;
    FunctionEmitter.clearStack(code, verified, function);
    Registers.saveParameters(code);
    Label top = code.newLabel();
    code.loadConstant(function).istore(next);
    code.labelBinding(top);
    for (int i = 0; i < bounds.length - 1; i++) {
      Label other = code.newLabel();
      code.iload(next).loadConstant(bounds[i + 1]).if_icmpge(other);
      code.aload(0)
          .iload(next)
          .invokestatic(NAME, method(function) + "_" + i, Registers.PART)
          .istore(next)
          .iload(next)
          .ifge(top);
      code.aload(0).aload(0).getfield(Registers.RUN, "objects", Registers.OBJECTS);
      code.iconst_0().aaload().putfield(Registers.RUN, "returned", CD_Object);
      code.aload(0).getfield(Registers.RUN, "numbers", Registers.LONGS).iconst_0().laload();
      code.lreturn().labelBinding(other);
    }
    code.goto_(top);
  }
}
