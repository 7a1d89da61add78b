/** What is counted, and how Prometheus reads it. */
@NullMarked
package io.sluice.proxy.metrics;

import org.jspecify.annotations.NullMarked;
