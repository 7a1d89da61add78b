/**
 * eBPF objects in process: {@link io.sluice.bpf.LookupProgram} reads a file, verifies and compiles
 * a program of it, and is a program of the engine. What a program does that it may not ends its
 * run; nothing else suffers.
 */
@NullMarked
package io.sluice.bpf;

import org.jspecify.annotations.NullMarked;
