/**
 * Where traffic goes: destinations and their targets, name resolution, and the snapshot that holds
 * all that one lookup needs.
 */
@NullMarked
package io.sluice.proxy.target;

import org.jspecify.annotations.NullMarked;
