/**
 * What is found out about a program before it runs: its structure, and what each register holds.
 * Whoever is refused is told why in one line.
 */
@NullMarked
package io.sluice.bpf.verify;

import org.jspecify.annotations.NullMarked;
