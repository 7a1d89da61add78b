/** The daemon and its command line. */
@NullMarked
package io.sluice.proxy;

import org.jspecify.annotations.NullMarked;
