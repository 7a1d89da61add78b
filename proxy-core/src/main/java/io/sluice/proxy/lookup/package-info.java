/**
 * The decision: the {@link io.sluice.proxy.lookup.Snapshot} holds all that one lookup needs, and
 * {@link io.sluice.proxy.lookup.Steering} asks it on each loop.
 */
@NullMarked
package io.sluice.proxy.lookup;

import org.jspecify.annotations.NullMarked;
