/**
 * SK_SKB: steers messages of a TCP stream, as the kernel's net/strparser, net/core/skmsg.c and
 * net/core/sock_map.c do.
 *
 * <p>A {@link io.sluice.steering.stream.StreamParser} says where a message ends ({@link
 * io.sluice.steering.stream.Strparser} applies what it says), a {@link
 * io.sluice.steering.stream.StreamVerdict} passes it, drops it or redirects it to a socket of a
 * map, and {@link io.sluice.steering.stream.SkSkb} does both for one receiving socket.
 *
 * <p>What differs from the kernel, on purpose: parser and verdict see one message, from its first
 * byte to its last, instead of the whole buffer; a receiver may say that it is busy, and then the
 * stream waits; a FIN ends the stream even inside a message, whose bytes are counted as lost.
 */
@NullMarked
package io.sluice.steering.stream;

import org.jspecify.annotations.NullMarked;
