/** What an operator sees of it: counters, access records, and the log, none of which ever waits. */
@NullMarked
package io.sluice.proxy.observe;

import org.jspecify.annotations.NullMarked;
