/** What is counted and written down: counters, and access records. */
@NullMarked
package io.sluice.proxy.metrics;

import org.jspecify.annotations.NullMarked;
