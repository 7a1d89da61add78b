/** What is in an object file: ELF and BTF, maps, programs and what they refer to. */
@NullMarked
package io.sluice.bpf.object;

import org.jspecify.annotations.NullMarked;
