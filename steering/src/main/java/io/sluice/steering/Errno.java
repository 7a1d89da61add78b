package io.sluice.steering;

/**
 * The errors that helpers and map operations answer with, by Linux's names and numbers.
 *
 * <p>A helper returns 0 or the negative {@link #number}, as in the kernel.
 */
public enum Errno {
  EPERM(1),
  ENOENT(2),
  E2BIG(7),
  EBADF(9),
  ENOMEM(12),
  EACCES(13),
  EFAULT(14),
  EBUSY(16),
  EEXIST(17),
  EINVAL(22),
  ENOSPC(28),
  EPIPE(32),
  ERANGE(34),
  ENODATA(61),
  ENOLINK(67),
  EPROTO(71),
  EBADFD(77),
  ESTRPIPE(86),
  EMSGSIZE(90),
  EPROTOTYPE(91),
  ESOCKTNOSUPPORT(94),
  EOPNOTSUPP(95),
  EAFNOSUPPORT(97),
  ETIMEDOUT(110),

  /** Not in the user space headers: "not supported" of the kernel's inside. */
  ENOTSUPP(524);

  private static final Errno[] VALUES = values();

  private final int number;

  Errno(int number) {
    this.number = number;
  }

  /** The positive number, as in errno. */
  public int number() {
    return number;
  }

  /** The negative number: what a helper returns. */
  public int negative() {
    return -number;
  }

  /**
   * The constant behind a helper's answer.
   *
   * @param result a negative number that a helper returned
   * @throws IllegalArgumentException if no constant has this number
   */
  public static Errno ofResult(int result) {
    for (Errno errno : VALUES) {
      if (errno.number == -result) {
        return errno;
      }
    }
    throw new IllegalArgumentException("no errno is " + result);
  }
}
