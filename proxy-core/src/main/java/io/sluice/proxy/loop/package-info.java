/**
 * An event loop and what it owns: one thread, its system calls, its buffer, its pipes, its timers.
 * Nothing of these is shared between threads; {@link io.sluice.proxy.loop.Descriptors} is about the
 * whole process.
 */
@NullMarked
package io.sluice.proxy.loop;

import org.jspecify.annotations.NullMarked;
