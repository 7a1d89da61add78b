/**
 * Linux, as far as the JDK and Netty don't give it: system calls, socket addresses, constants. The
 * only package that imports {@code java.lang.foreign}.
 */
@NullMarked
package io.sluice.proxy.linux;

import org.jspecify.annotations.NullMarked;
