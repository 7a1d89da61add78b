package io.sluice.proxy.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The users and groups of this machine, wherever they are kept: the C library asks (nsswitch). Any
 * thread; may take as long as a directory service takes.
 */
public final class Accounts {
  /** There is none of that name. */
  public static final int NONE = -1;

  private static final int ERANGE = 34;
  private static final int FIRST_BYTES = 16 << 10;
  private static final int MOST_BYTES = 16 << 20;

  // int getpwnam_r(const char *name, struct passwd *out, char *buffer, size_t length,
  //                struct passwd **result);   getgrnam_r: the same with struct group
  //   struct passwd  0 name(8)  8 password(8)  16 uid(4) …
  //   struct group   0 name(8)  8 password(8)  16 gid(4) …
  private static final FunctionDescriptor BY_NAME =
      FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS);

  private static final int ENTRY_BYTES = 64;
  private static final int ID = 16;

  private Accounts() {}

  /** A user's number; {@link #NONE} if there is no such user. */
  public static int user(String name) {
    return id("getpwnam_r", name);
  }

  /** A group's number; {@link #NONE} if there is no such group. */
  public static int group(String name) {
    return id("getgrnam_r", name);
  }

  private static int id(String function, String name) {
    Linker linker = Linker.nativeLinker();
    MethodHandle find =
        linker.downcallHandle(linker.defaultLookup().findOrThrow(function), BY_NAME);
    for (int bytes = FIRST_BYTES; bytes <= MOST_BYTES; bytes *= 4) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment entry = arena.allocate(ENTRY_BYTES, 8);
        MemorySegment found = arena.allocate(ADDRESS);
        int errno =
            (int)
                find.invokeExact(
                    arena.allocateFrom(name), entry, arena.allocate(bytes), (long) bytes, found);
        if (errno != ERANGE) {
          boolean isFound = found.get(ADDRESS, 0).address() != 0;
          return errno == 0 && isFound ? entry.get(JAVA_INT, ID) : NONE;
        }
      } catch (Throwable thrown) {
        throw new AssertionError("the method handle of " + function + " is broken", thrown);
      }
    }
    return NONE;
  }
}
