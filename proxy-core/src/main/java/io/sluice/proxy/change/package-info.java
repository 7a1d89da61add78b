/**
 * How what is in force is changed while it runs, seen from who asks for it: one door, {@link
 * io.sluice.proxy.change.Transactions}, whoever comes.
 */
@NullMarked
package io.sluice.proxy.change;

import org.jspecify.annotations.NullMarked;
