package io.sluice.bpf;

import io.sluice.bpf.isa.Instruction;
import io.sluice.bpf.isa.Opcode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.NullUnmarked;

/**
 * Instructions from the assembler text of the BPF conformance suite: {@code add32 %r0, 5}, {@code
 * ldxw %r0, [%r1+4]}, {@code jne %r0, %r1, label}. The label {@code exit} is the next exit.
 */
@NullUnmarked // a text that matches has its groups
final class Assembler {
  private static final Map<String, Integer> ARITHMETIC =
      Map.ofEntries(
          Map.entry("add", Opcode.ADD),
          Map.entry("sub", Opcode.SUB),
          Map.entry("mul", Opcode.MUL),
          Map.entry("div", Opcode.DIV),
          Map.entry("sdiv", Opcode.DIV),
          Map.entry("or", Opcode.OR),
          Map.entry("and", Opcode.AND),
          Map.entry("lsh", Opcode.LSH),
          Map.entry("rsh", Opcode.RSH),
          Map.entry("mod", Opcode.MOD),
          Map.entry("smod", Opcode.MOD),
          Map.entry("xor", Opcode.XOR),
          Map.entry("mov", Opcode.MOV),
          Map.entry("arsh", Opcode.ARSH));

  private static final Map<String, Integer> JUMPS =
      Map.ofEntries(
          Map.entry("jeq", Opcode.JEQ),
          Map.entry("jgt", Opcode.JGT),
          Map.entry("jge", Opcode.JGE),
          Map.entry("jset", Opcode.JSET),
          Map.entry("jne", Opcode.JNE),
          Map.entry("jsgt", Opcode.JSGT),
          Map.entry("jsge", Opcode.JSGE),
          Map.entry("jlt", Opcode.JLT),
          Map.entry("jle", Opcode.JLE),
          Map.entry("jslt", Opcode.JSLT),
          Map.entry("jsle", Opcode.JSLE));

  private static final Map<String, Integer> ATOMICS =
      Map.of("add", 0x00, "or", 0x40, "and", 0x50, "xor", 0xa0, "xchg", 0xe1, "cmpxchg", 0xf1);

  private static final Map<Character, Integer> SIZES = Map.of('b', 0x10, 'h', 0x08, 'w', 0x00);

  private static final Pattern MEMORY = Pattern.compile("\\[%?r(\\d+)([+-][0-9a-fx]+)?]");
  private static final Pattern ARITHMETIC_NAME = Pattern.compile("([a-z]+)(32|64)?");
  private static final Pattern SWAP = Pattern.compile("(le|be|bswap|swap)(16|32|64)");
  private static final Pattern EXTEND = Pattern.compile("movsx(8|16|32)(32|64)");

  private final List<Long> words = new ArrayList<>();
  private final Map<String, Integer> labels = new HashMap<>();
  private final List<int[]> jumps = new ArrayList<>(); // index, and whether the immediate is it
  private final List<String> targets = new ArrayList<>();

  /** Assembles a program. */
  static long[] assemble(List<String> lines) {
    Assembler assembler = new Assembler();
    for (String line : lines) {
      String text = line.replaceAll("#.*", "").strip();
      if (!text.isEmpty()) {
        assembler.line(text);
      }
    }
    return assembler.linked();
  }

  private long[] linked() {
    int lastExit = words.lastIndexOf(Instruction.of(0x95, 0, 0, 0, 0).word());
    for (int i = 0; i < jumps.size(); i++) {
      int index = jumps.get(i)[0];
      Integer at = labels.get(targets.get(i));
      int target = at != null ? at : lastExit;
      if (at == null && !targets.get(i).equals("exit")) {
        throw new IllegalArgumentException("no label " + targets.get(i));
      }
      long word = words.get(index);
      int distance = target - index - 1;
      words.set(
          index,
          jumps.get(i)[1] != 0
              ? word & 0xffff_ffffL | (long) distance << 32
              : word & ~0xffff_0000L | (distance & 0xffffL) << 16);
    }
    return words.stream().mapToLong(Long::longValue).toArray();
  }

  private void line(String text) {
    if (text.endsWith(":")) {
      labels.put(text.substring(0, text.length() - 1), words.size());
      return;
    }
    String[] parts = text.split("\\s+", 2);
    String name = parts[0];
    String rest = parts.length > 1 ? parts[1] : "";
    if (name.equals("lock")) {
      atomic(rest);
      return;
    }
    String[] operands = rest.isEmpty() ? new String[0] : rest.split("\\s*,\\s*", -1);
    if (name.equals("exit")) {
      add(Instruction.of(0x95, 0, 0, 0, 0));
    } else if (name.equals("call")) {
      call(rest);
    } else if (name.equals("ja") || name.equals("ja32")) {
      jump(name.equals("ja") ? 0x05 : 0x06, 0, 0, 0, operands[0], name.equals("ja32"));
    } else if (name.equals("lddw")) {
      long value = number(operands[1]);
      add(Instruction.of(0x18, register(operands[0]), 0, 0, (int) value));
      add(new Instruction(value & 0xffff_ffff_0000_0000L));
    } else if (name.startsWith("ldx")) {
      load(name.substring(3), operands);
    } else if (name.startsWith("st")) {
      store(name, operands);
    } else if (name.startsWith("j")) {
      condition(name, operands);
    } else {
      arithmetic(name, operands);
    }
  }

  private void add(Instruction instruction) {
    words.add(instruction.word());
  }

  private void call(String what) {
    if (what.startsWith("local")) {
      jump(0x85, 0, Opcode.CALL_LOCAL, 0, what.substring(5).strip(), true);
    } else if (isRegister(what)) {
      add(Instruction.of(0x8d, register(what), 0, 0, 0));
    } else {
      add(Instruction.of(0x85, 0, 0, 0, (int) number(what)));
    }
  }

  private void jump(
      int opcode, int destination, int source, int immediate, String target, boolean byImmediate) {
    if (target.matches("[+-]?(0x)?[0-9a-f]+") && !labels.containsKey(target)) {
      int distance = (int) number(target.replace("+", ""));
      add(
          Instruction.of(
              opcode,
              destination,
              source,
              byImmediate ? 0 : distance,
              byImmediate ? distance : immediate));
      return;
    }
    jumps.add(new int[] {words.size(), byImmediate ? 1 : 0});
    targets.add(target);
    add(Instruction.of(opcode, destination, source, 0, immediate));
  }

  private void condition(String name, String[] operands) {
    boolean narrow = name.endsWith("32");
    int code = JUMPS.get(narrow ? name.substring(0, name.length() - 2) : name);
    int kind = narrow ? Opcode.JMP32 : Opcode.JMP;
    boolean isRegister = isRegister(operands[1]);
    jump(
        code | kind | (isRegister ? 8 : 0),
        register(operands[0]),
        isRegister ? register(operands[1]) : 0,
        isRegister ? 0 : (int) number(operands[1]),
        operands[2],
        false);
  }

  private void load(String size, String[] operands) {
    boolean signed = size.startsWith("s");
    int mode = signed ? Opcode.MEMSX : Opcode.MEM;
    Matcher memory = memory(operands[1]);
    add(
        Instruction.of(
            mode | size(signed ? size.substring(1) : size) | Opcode.LDX,
            register(operands[0]),
            Integer.parseInt(memory.group(1)),
            offset(memory),
            0));
  }

  private void store(String name, String[] operands) {
    boolean isRegister = name.startsWith("stx");
    Matcher memory = memory(operands[0]);
    add(
        Instruction.of(
            Opcode.MEM
                | size(name.substring(isRegister ? 3 : 2))
                | (isRegister ? Opcode.STX : Opcode.ST),
            Integer.parseInt(memory.group(1)),
            isRegister ? register(operands[1]) : 0,
            offset(memory),
            isRegister ? 0 : (int) number(operands[1])));
  }

  private void atomic(String text) {
    Matcher parts =
        Pattern.compile("(fetch )?([a-z]+)(32)?\\s+(\\[.*])\\s*,\\s*(%?r\\d+)").matcher(text);
    if (!parts.matches()) {
      throw new IllegalArgumentException(text);
    }
    Matcher memory = memory(parts.group(4));
    int size = parts.group(3) == null ? 0x18 : 0x00;
    add(
        Instruction.of(
            Opcode.ATOMIC | size | Opcode.STX,
            Integer.parseInt(memory.group(1)),
            register(parts.group(5)),
            offset(memory),
            ATOMICS.get(parts.group(2)) | (parts.group(1) == null ? 0 : Opcode.FETCH)));
  }

  private void arithmetic(String name, String[] operands) {
    int to = register(operands[0]);
    Matcher swap = SWAP.matcher(name);
    Matcher extend = EXTEND.matcher(name);
    Matcher plain = ARITHMETIC_NAME.matcher(name);
    if (swap.matches()) {
      int opcode =
          switch (swap.group(1)) {
            case "le" -> 0xd4;
            case "be" -> 0xdc;
            default -> 0xd7;
          };
      add(Instruction.of(opcode, to, 0, 0, Integer.parseInt(swap.group(2))));
    } else if (extend.matches()) {
      int kind = extend.group(2).equals("32") ? Opcode.ALU : Opcode.ALU64;
      int bits = Integer.parseInt(extend.group(1));
      add(Instruction.of(Opcode.MOV | 8 | kind, to, register(operands[1]), bits, 0));
    } else if (plain.matches()) {
      int kind = "32".equals(plain.group(2)) ? Opcode.ALU : Opcode.ALU64;
      if (plain.group(1).equals("neg")) {
        add(Instruction.of(Opcode.NEG | kind, to, 0, 0, 0));
        return;
      }
      int offset = plain.group(1).equals("sdiv") || plain.group(1).equals("smod") ? 1 : 0;
      int code = ARITHMETIC.get(plain.group(1));
      boolean isRegister = isRegister(operands[1]);
      add(
          Instruction.of(
              code | kind | (isRegister ? 8 : 0),
              to,
              isRegister ? register(operands[1]) : 0,
              offset,
              isRegister ? 0 : (int) number(operands[1])));
    } else {
      throw new IllegalArgumentException(name);
    }
  }

  private static int size(String letter) {
    return letter.equals("dw") ? 0x18 : SIZES.get(letter.charAt(0));
  }

  private static Matcher memory(String text) {
    Matcher memory = MEMORY.matcher(text.replace(" ", ""));
    if (!memory.matches()) {
      throw new IllegalArgumentException(text);
    }
    return memory;
  }

  private static int offset(Matcher memory) {
    return memory.group(2) == null ? 0 : (int) number(memory.group(2).replace("+", ""));
  }

  private static boolean isRegister(String text) {
    return text.matches("%?r\\d+");
  }

  private static int register(String text) {
    return Integer.parseInt(text.replace("%", "").substring(1));
  }

  /** Decimal, or hexadecimal of up to 64 bits. */
  static long number(String text) {
    boolean negative = text.startsWith("-");
    String digits = negative ? text.substring(1) : text;
    long value =
        digits.startsWith("0x")
            ? Long.parseUnsignedLong(digits.substring(2), 16)
            : Long.parseUnsignedLong(digits);
    return negative ? -value : value;
  }
}
