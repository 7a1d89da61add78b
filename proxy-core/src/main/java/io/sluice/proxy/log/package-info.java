/** How the log is written: life events and access records on standard error. */
@NullMarked
package io.sluice.proxy.log;

import org.jspecify.annotations.NullMarked;
