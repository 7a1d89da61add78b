/**
 * Micro-benchmarks: what a lookup, its parts and its tables cost, and beside them what the kernel's
 * own program needs for the same.
 *
 * <p>All sets are made from seeds, so two runs measure the same work.
 */
@NullMarked
package io.sluice.bench;

import org.jspecify.annotations.NullMarked;
