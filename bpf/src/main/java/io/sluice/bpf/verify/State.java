package io.sluice.bpf.verify;

import io.sluice.bpf.isa.Instruction;
import io.sluice.bpf.run.Run;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** What registers and the stack hold before an instruction, whichever way it is reached. */
final class State {
  private final RegisterType[] registers = new RegisterType[Instruction.REGISTERS];

  /**
   * What 8 bytes of the stack hold, by their offset from the frame pointer, as they were stored as
   * a whole.
   */
  private final NavigableMap<Integer, RegisterType> slots = new TreeMap<>();

  /** The bytes of the stack that may have been written, from the frame's beginning. */
  private final BitSet written = new BitSet(Run.FRAME_BYTES);

  /** What was acquired and not released, by the instruction that did. */
  private final TreeSet<Integer> references = new TreeSet<>();

  /** Whether references may have been released without being known by their origin. */
  private boolean blurred;

  State() {
    Arrays.fill(registers, RegisterType.UNINITIALISED);
  }

  State copy() {
    State copy = new State();
    System.arraycopy(registers, 0, copy.registers, 0, registers.length);
    copy.slots.putAll(slots);
    copy.written.or(written);
    copy.references.addAll(references);
    copy.blurred = blurred;
    return copy;
  }

  RegisterType register(int index) {
    return registers[index];
  }

  void register(int index, RegisterType type) {
    registers[index] = type;
  }

  /** What a call leaves of the registers that belong to the callee. */
  void clobber() {
    Arrays.fill(registers, 0, 6, RegisterType.UNINITIALISED);
  }

  NavigableMap<Integer, RegisterType> slots() {
    return slots;
  }

  /** Bytes of the stack are overwritten by something that is no pointer at a known place. */
  void overwrite(int offset, int size) {
    for (int slot = Math.floorDiv(offset, 8) * 8; slot < offset + size; slot += 8) {
      slots.remove(slot);
    }
    written.set(Run.FRAME_BYTES + offset, Run.FRAME_BYTES + offset + size);
  }

  void slot(int offset, RegisterType type) {
    overwrite(offset, 8);
    slots.put(offset, type);
  }

  /**
   * Numbers are written somewhere on the stack. Pointers stay what they are: one that is hit points
   * elsewhere in the same object, if at all, and that is checked when it is used.
   */
  void writeSomewhere() {
    slots.replaceAll((_, it) -> it.isPointer() ? it : RegisterType.SCALAR);
    written.set(0, Run.FRAME_BYTES);
  }

  /** The stack may hold anything anywhere. */
  void overwriteAll() {
    slots.clear();
    written.set(0, Run.FRAME_BYTES);
  }

  /** Whether some of these bytes of the stack may have been written. */
  boolean mayBeWritten(int offset, int size) {
    int first = written.nextSetBit(Run.FRAME_BYTES + offset);
    return first >= 0 && first < Run.FRAME_BYTES + offset + size;
  }

  NavigableSet<Integer> references() {
    return references;
  }

  boolean isBlurred() {
    return blurred;
  }

  /** Something was released, of which it isn't known where it came from. */
  void blur() {
    blurred = true;
  }

  /** A pointer is null, or isn't, and with it all that were made by the same instruction. */
  void refine(int index, boolean isNull) {
    int origin = registers[index].origin();
    registers[index] = refined(registers[index], isNull);
    if (origin < 0) {
      return;
    }
    for (int i = 0; i < registers.length; i++) {
      if (registers[i].origin() == origin) {
        registers[i] = refined(registers[i], isNull);
      }
    }
    slots.replaceAll((_, it) -> it.origin() == origin ? refined(it, isNull) : it);
    if (isNull) {
      references.remove(origin);
    }
  }

  private static RegisterType refined(RegisterType type, boolean isNull) {
    return isNull ? RegisterType.constant(0) : type.notNull();
  }

  /** An instruction runs again: what it made before has nothing to do with what it makes now. */
  void forget(int origin) {
    for (int i = 0; i < registers.length; i++) {
      if (registers[i].origin() == origin) {
        registers[i] = registers[i].ofUnknownOrigin();
      }
    }
    slots.replaceAll((_, it) -> it.origin() == origin ? it.ofUnknownOrigin() : it);
    blurred |= references.contains(origin);
  }

  /** Takes in another way to the same place; whether that changed anything. */
  boolean merge(State other) {
    boolean changed = false;
    for (int i = 0; i < registers.length; i++) {
      RegisterType joined = registers[i].join(other.registers[i]);
      if (!joined.equals(registers[i])) {
        blurred |= registers[i].origin() >= 0 && joined.origin() < 0 && !references.isEmpty();
        registers[i] = joined;
        changed = true;
      }
    }
    changed |= mergeSlots(other);
    int bits = written.cardinality();
    written.or(other.written);
    changed |= written.cardinality() != bits;
    changed |= references.addAll(other.references);
    changed |= other.blurred && !blurred;
    blurred |= other.blurred;
    return changed;
  }

  private boolean mergeSlots(State other) {
    boolean changed = false;
    for (Map.Entry<Integer, RegisterType> slot : Map.copyOf(slots).entrySet()) {
      RegisterType theirs = other.slots.get(slot.getKey());
      RegisterType joined =
          theirs != null
              ? slot.getValue().join(theirs)
              : withBytes(slot.getValue(), other.mayBeWritten(slot.getKey(), 8));
      if (joined == null) {
        slots.remove(slot.getKey());
        changed = true;
      } else if (!joined.equals(slot.getValue())) {
        slots.put(slot.getKey(), joined);
        changed = true;
      }
    }
    for (Map.Entry<Integer, RegisterType> slot : other.slots.entrySet()) {
      if (!slots.containsKey(slot.getKey())) {
        RegisterType joined = withBytes(slot.getValue(), mayBeWritten(slot.getKey(), 8));
        if (joined != null) {
          slots.put(slot.getKey(), joined);
          changed = true;
        }
      }
    }
    return changed;
  }

  /** What 8 bytes are where they came as a whole on one way, and maybe as parts on another. */
  private static @Nullable RegisterType withBytes(RegisterType slot, boolean written) {
    if (!written) {
      return slot;
    }
    return slot.isPointer() ? RegisterType.ANY : null;
  }

  /** Whether 8 bytes of the stack may be a number or a pointer. */
  boolean hasAnySlot() {
    return slots.values().stream().anyMatch(RegisterType::isAny);
  }

  /** As the log writes it: {@code R1=context R10=stack+0 fp-8=7}. */
  @Override
  public String toString() {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < registers.length; i++) {
      if (registers[i].kind() != RegisterType.Kind.UNINITIALISED) {
        out.append(out.isEmpty() ? "" : " ").append('R').append(i).append('=').append(registers[i]);
      }
    }
    slots.forEach((offset, type) -> out.append(" fp").append(offset).append('=').append(type));
    return out.toString();
  }
}
