package io.sluice.bpf.run;

/** What a helper takes in one register. */
public enum Argument {
  /** The context of the run; nothing is handed over for it. */
  CONTEXT,
  MAP,
  /** Memory of a map's key size, read. */
  KEY,
  /** Memory of a map's value size, read; for a map of sockets a socket. */
  VALUE,
  /** Memory, read, of as many bytes as the next argument says. */
  READ,
  /** Memory, written, of as many bytes as the next argument says. */
  WRITE,
  /** A number of bytes of the memory before it. */
  SIZE,
  NUMBER,
  SOCKET,
  SOCKET_OR_NULL,
  /** A function of the program. */
  FUNCTION,
  /** What a callback is handed. */
  ANYTHING,
  /** A record of a ring buffer that was reserved. */
  RECORD;

  /** Whether an object is handed over for it. */
  public boolean hasObject() {
    return switch (this) {
      case MAP, KEY, VALUE, READ, WRITE, SOCKET, SOCKET_OR_NULL, ANYTHING, RECORD -> true;
      case CONTEXT, SIZE, NUMBER, FUNCTION -> false;
    };
  }

  /** Whether a number is handed over for it: of a pointer, its offset. */
  public boolean hasNumber() {
    return switch (this) {
      case KEY, VALUE, READ, WRITE, SIZE, NUMBER, ANYTHING, RECORD -> true;
      case CONTEXT, MAP, SOCKET, SOCKET_OR_NULL, FUNCTION -> false;
    };
  }

  /** Whether it points into memory of the program's. */
  public boolean isMemory() {
    return this == KEY || this == VALUE || this == READ || this == WRITE;
  }
}
