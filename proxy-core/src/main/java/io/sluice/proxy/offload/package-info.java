/**
 * Which destinations the kernel serves without us: what it is told, in whose slots targets' sockets
 * are, and what it has counted. See docs/offload.md.
 */
@NullMarked
package io.sluice.proxy.offload;

import org.jspecify.annotations.NullMarked;
