/**
 * What runs in the kernel: the sk_lookup program that brings traffic to our sockets, its maps and
 * its link.
 */
@NullMarked
package io.sluice.proxy.kernel;

import org.jspecify.annotations.NullMarked;
