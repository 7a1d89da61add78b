/**
 * Verified programs as hidden classes. The only package that writes class files.
 *
 * <p>Each function is a static method. A register is two local variables: a long, and an object,
 * which is null for a number; of a pointer they are the offset and what it is an offset in.
 */
@NullMarked
package io.sluice.bpf.compile;

import org.jspecify.annotations.NullMarked;
