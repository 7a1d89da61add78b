/** The instruction set (RFC 9669): words, what they mean, and how they are written. */
@NullMarked
package io.sluice.bpf.isa;

import org.jspecify.annotations.NullMarked;
