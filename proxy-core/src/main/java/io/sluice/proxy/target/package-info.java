/** Where traffic goes: destinations, their targets, and the addresses of each. */
@NullMarked
package io.sluice.proxy.target;

import org.jspecify.annotations.NullMarked;
