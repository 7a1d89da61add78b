package io.sluice.bpf.object;

import io.sluice.bpf.isa.RejectedException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The types of an object file (Documentation/bpf/btf.rst). */
public final class Btf {
  /** Kinds of types (BTF_KIND_…), as far as somebody asks for them. */
  public static final int INT = 1;

  public static final int POINTER = 2;
  public static final int ARRAY = 3;
  public static final int STRUCT = 4;
  public static final int UNION = 5;
  static final int ENUM = 6;
  static final int TYPEDEF = 8;
  static final int RESTRICT = 11;
  static final int FUNC_PROTO = 13;
  static final int VAR = 14;
  static final int DATASEC = 15;
  static final int FLOAT = 16;
  static final int DECL_TAG = 17;
  static final int TYPE_TAG = 18;
  static final int ENUM64 = 19;

  private static final int MAGIC = 0xeb9f;
  private static final int MAX_DEPTH = 32;
  private static final Type VOID = new Type(0, "", 0, 0, 0, List.of());

  private final Bytes strings;
  private final List<Type> types = new ArrayList<>();

  /**
   * A type.
   *
   * @param size in bytes; of what leads to another type, its id
   * @param elements how many, of an array
   * @param elementType of an array
   */
  public record Type(
      int kind, String name, int size, int elementType, int elements, List<Member> members) {}

  /**
   * A member of a struct or union, or a variable of a section.
   *
   * @param offset in bits; of a variable, in bytes
   * @param bits how many, of a bit field; 0 of others
   */
  public record Member(String name, int type, int offset, int bits) {}

  Btf(Bytes section) throws RejectedException {
    if (section.shortAt(0) != MAGIC) {
      throw new RejectedException("section .BTF has no BTF of this byte order");
    }
    long header = section.intAt(4) & 0xffff_ffffL;
    Bytes data =
        section.part(
            header + section.intAt(8), section.intAt(12) & 0xffff_ffffL, "the types of .BTF");
    this.strings =
        section.part(
            header + section.intAt(16), section.intAt(20) & 0xffff_ffffL, "the texts of .BTF");
    types.add(VOID);
    long at = 0;
    while (at < data.length()) {
      at = readType(data, at);
    }
  }

  private long readType(Bytes data, long at) throws RejectedException {
    String name = text(data.intAt(at));
    int info = data.intAt(at + 4);
    int count = info & 0xffff;
    int kind = info >> 24 & 0x1f;
    boolean hasBits = info < 0;
    int size = data.intAt(at + 8);
    long next = at + 12;
    List<Member> members = new ArrayList<>();
    int elementType = 0;
    int elements = 0;
    switch (kind) {
      case INT, VAR, DECL_TAG -> next += 4;
      case ARRAY -> {
        elementType = data.intAt(next);
        elements = data.intAt(next + 8);
        next += 12;
      }
      case STRUCT, UNION -> {
        for (int i = 0; i < count; i++, next += 12) {
          int offset = data.intAt(next + 8);
          members.add(
              new Member(
                  text(data.intAt(next)),
                  data.intAt(next + 4),
                  hasBits ? offset & 0xff_ffff : offset,
                  hasBits ? offset >>> 24 : 0));
        }
      }
      case DATASEC -> {
        for (int i = 0; i < count; i++, next += 12) {
          members.add(new Member("", data.intAt(next), data.intAt(next + 4), 0));
        }
      }
      case ENUM, FUNC_PROTO -> next += 8L * count;
      case ENUM64 -> next += 12L * count;
      default -> {
        if (kind > ENUM64 || kind == 0) {
          throw new RejectedException("section .BTF: no kind " + kind + ": the file is damaged");
        }
      }
    }
    types.add(new Type(kind, name, size, elementType, elements, List.copyOf(members)));
    return next;
  }

  String text(int offset) throws RejectedException {
    return strings.textAt(offset & 0xffff_ffffL);
  }

  /** The type with an id. */
  public Type type(int id) throws RejectedException {
    if (id < 0 || id >= types.size()) {
      throw new RejectedException("section .BTF: no type " + id + ": the file is damaged");
    }
    return types.get(id);
  }

  /** The type behind names and qualifiers. */
  public Type resolved(int id) throws RejectedException {
    Type type = type(id);
    for (int depth = 0; leadsOn(type); depth++) {
      if (depth == MAX_DEPTH) {
        throw new RejectedException("section .BTF: type %d leads to itself".formatted(id));
      }
      type = type(type.size);
    }
    return type;
  }

  private static boolean leadsOn(Type type) {
    return type.kind >= TYPEDEF && type.kind <= RESTRICT || type.kind == TYPE_TAG;
  }

  /** How many bytes a type takes. */
  public int sizeOf(int id) throws RejectedException {
    return sizeOf(id, 0);
  }

  private int sizeOf(int id, int depth) throws RejectedException {
    Type type = resolved(id);
    return switch (type.kind) {
      case INT, STRUCT, UNION, ENUM, FLOAT, ENUM64 -> type.size;
      case POINTER -> Long.BYTES;
      case ARRAY -> {
        if (depth == MAX_DEPTH) {
          throw new RejectedException("section .BTF: type %d contains itself".formatted(id));
        }
        long size = (long) type.elements * sizeOf(type.elementType, depth + 1);
        if (size < 0 || size > Integer.MAX_VALUE) {
          throw new RejectedException("section .BTF: type %d is too large".formatted(id));
        }
        yield (int) size;
      }
      default -> throw new RejectedException("section .BTF: type %d has no size".formatted(id));
    };
  }

  /** The section of variables with a name; null if there is none. */
  @Nullable Type dataSection(String name) {
    return types.stream()
        .filter(it -> it.kind == DATASEC && it.name.equals(name))
        .findFirst()
        .orElse(null);
  }

  /** The type that a pointer points at; of others, the type itself. */
  int pointedAt(int id) throws RejectedException {
    Type type = resolved(id);
    return type.kind == POINTER ? type.size : id;
  }

  /** A number as libbpf's __uint writes it: a pointer to an array of so many elements. */
  int number(int id) throws RejectedException {
    Type pointer = resolved(id);
    Type array = pointer.kind == POINTER ? resolved(pointer.size) : pointer;
    if (pointer.kind != POINTER || array.kind != ARRAY) {
      throw new RejectedException("section .BTF: type %d is no number of a map".formatted(id));
    }
    return array.elements;
  }
}
