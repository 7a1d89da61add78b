package io.sluice.bpf.verify;

import static io.sluice.bpf.isa.Opcode.ADD;
import static io.sluice.bpf.isa.Opcode.ALU;
import static io.sluice.bpf.isa.Opcode.ALU64;
import static io.sluice.bpf.isa.Opcode.AND;
import static io.sluice.bpf.isa.Opcode.ARSH;
import static io.sluice.bpf.isa.Opcode.ATOMIC;
import static io.sluice.bpf.isa.Opcode.CALL;
import static io.sluice.bpf.isa.Opcode.CMPXCHG;
import static io.sluice.bpf.isa.Opcode.DIV;
import static io.sluice.bpf.isa.Opcode.END;
import static io.sluice.bpf.isa.Opcode.EXIT;
import static io.sluice.bpf.isa.Opcode.FETCH;
import static io.sluice.bpf.isa.Opcode.JA;
import static io.sluice.bpf.isa.Opcode.JMP;
import static io.sluice.bpf.isa.Opcode.JSLE;
import static io.sluice.bpf.isa.Opcode.LD;
import static io.sluice.bpf.isa.Opcode.LDX;
import static io.sluice.bpf.isa.Opcode.LSH;
import static io.sluice.bpf.isa.Opcode.MEM;
import static io.sluice.bpf.isa.Opcode.MEMSX;
import static io.sluice.bpf.isa.Opcode.MOD;
import static io.sluice.bpf.isa.Opcode.MOV;
import static io.sluice.bpf.isa.Opcode.NEG;
import static io.sluice.bpf.isa.Opcode.OR;
import static io.sluice.bpf.isa.Opcode.RSH;
import static io.sluice.bpf.isa.Opcode.ST;
import static io.sluice.bpf.isa.Opcode.STX;
import static io.sluice.bpf.isa.Opcode.XCHG;
import static io.sluice.bpf.isa.Opcode.XOR;

import io.sluice.bpf.isa.Instruction;
import io.sluice.bpf.isa.Opcode;
import io.sluice.bpf.object.LinkedProgram;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * Whether instructions are well formed, before anyone looks at what they do: fields that aren't
 * used are 0, registers exist, jumps land on instructions of their own function. (The kernel's
 * bpf_check does the same in resolve_pseudo_ldimm64, check_cfg and do_check.)
 */
final class Structure {
  private final LinkedProgram program;
  private final BitSet seconds = new BitSet();

  private final boolean takesLongShifts;

  /**
   * @param takesLongShifts whether an immediate may shift by more bits than there are: the standard
   *     takes the lower bits of it, and the kernel refuses it
   */
  Structure(LinkedProgram program, boolean takesLongShifts) {
    this.program = program;
    this.takesLongShifts = takesLongShifts;
    for (int i = 0; i < program.length(); i++) {
      if (new Instruction(program.word(i)).isLoadOf64Bits()) {
        seconds.set(++i);
      }
    }
  }

  /** Whether a word is the second half of an instruction. */
  boolean isSecond(int index) {
    return seconds.get(index);
  }

  BitSet seconds() {
    return seconds;
  }

  /** What is wrong with an instruction; null if nothing is. */
  @Nullable String problem(int index) {
    Instruction it = new Instruction(program.word(index));
    if (it.destination() >= Instruction.REGISTERS || it.source() >= Instruction.REGISTERS) {
      return "there is no register above r10";
    }
    boolean formed =
        switch (it.instructionClass()) {
          case ALU, ALU64 -> isArithmetic(it);
          case LD -> isWideLoad(it, index);
          case LDX ->
              it.immediate() == 0
                  && (it.mode() == MEM || it.mode() == MEMSX && it.size() < Long.BYTES);
          case ST -> it.mode() == MEM && it.source() == 0;
          case STX -> it.mode() == MEM ? it.immediate() == 0 : isAtomic(it);
          default -> isJump(it);
        };
    if (!formed) {
      return it.instructionClass() == LD && !it.isLoadOf64Bits()
          ? "packet loads of classic BPF aren't supported: use skb_load_bytes, or data and data_end"
          : "the instruction is malformed, or of no known kind";
    }
    return it.isJump() && it.code() != CALL && it.code() != EXIT ? target(it, index) : null;
  }

  private @Nullable String target(Instruction it, int index) {
    int target = index + 1 + it.distance();
    Integer function = program.functions().floorKey(index);
    int first = function == null ? 0 : function;
    return target < first || target >= program.endOf(first) || seconds.get(target)
        ? "jumps to " + target + ", where no instruction of this function is"
        : null;
  }

  private boolean isArithmetic(Instruction it) {
    int immediate = it.immediate();
    int offset = it.offset();
    return switch (it.code()) {
      case END ->
          it.source() == 0
              && offset == 0
              && (immediate == 16 || immediate == 32 || immediate == 64)
              && !(it.isWide() && it.isRegisterSource());
      case NEG -> !it.isRegisterSource() && it.source() == 0 && offset == 0 && immediate == 0;
      case MOV ->
          hasOperand(it)
              && (offset == 0
                  || it.isRegisterSource()
                      && (offset == 8 || offset == 16 || offset == 32 && it.isWide()));
      case DIV, MOD ->
          hasOperand(it)
              && (offset == 0 || offset == 1)
              && (it.isRegisterSource() || immediate != 0);
      case LSH, RSH, ARSH ->
          hasOperand(it)
              && offset == 0
              && (it.isRegisterSource()
                  || takesLongShifts
                  || immediate >= 0 && immediate < (it.isWide() ? Long.SIZE : Integer.SIZE));
      default -> it.code() < END && hasOperand(it) && offset == 0;
    };
  }

  /** The second operand is a register, or an immediate; the other field is 0. */
  private static boolean hasOperand(Instruction it) {
    return it.isRegisterSource() ? it.immediate() == 0 : it.source() == 0;
  }

  private boolean isWideLoad(Instruction it, int index) {
    return it.opcode() == Opcode.LDDW
        && it.offset() == 0
        && (it.source() == 0 || program.reference(index) != null)
        && index + 1 < program.length()
        && (program.word(index + 1) & 0xffff_ffffL) == 0;
  }

  private static boolean isAtomic(Instruction it) {
    if (it.mode() != ATOMIC || it.size() < Integer.BYTES) {
      return false;
    }
    int operation = it.immediate();
    return switch (operation & ~FETCH) {
      case ADD, OR, AND, XOR -> true;
      default -> operation == XCHG || operation == CMPXCHG;
    };
  }

  private static boolean isJump(Instruction it) {
    boolean wide = it.instructionClass() == JMP;
    return switch (it.code()) {
      case CALL -> wide && it.destination() == 0 && it.offset() == 0 && !it.isRegisterSource();
      case EXIT ->
          wide
              && !it.isRegisterSource()
              && it.destination() == 0
              && it.source() == 0
              && it.offset() == 0
              && it.immediate() == 0;
      case JA ->
          !it.isRegisterSource()
              && it.destination() == 0
              && it.source() == 0
              && (wide ? it.immediate() == 0 : it.offset() == 0);
      default -> it.code() <= JSLE && hasOperand(it);
    };
  }
}
