/**
 * The daemon's life: start, signals, reloads, stop. A change is a {@link
 * io.sluice.proxy.control.Plan}, which is prepared beside what is in force and then committed.
 */
@NullMarked
package io.sluice.proxy.control;

import org.jspecify.annotations.NullMarked;
