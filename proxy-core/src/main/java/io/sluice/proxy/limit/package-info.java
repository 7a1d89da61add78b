/**
 * What clients may have: rates, and a bounded table of sources. Shared by all loops, without locks.
 */
@NullMarked
package io.sluice.proxy.limit;

import org.jspecify.annotations.NullMarked;
