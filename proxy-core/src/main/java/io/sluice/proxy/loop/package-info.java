/**
 * An event loop and what it owns: one thread, its system calls, its buffer, its pipes, its timers.
 * Nothing here is shared between threads.
 */
@NullMarked
package io.sluice.proxy.loop;

import org.jspecify.annotations.NullMarked;
