/** What programs run on: memory, contexts, maps, helpers, the budget, and traps. */
@NullMarked
package io.sluice.bpf.run;

import org.jspecify.annotations.NullMarked;
