/**
 * The kernel's maps, with its operations, flags and errnos: of sockets ({@link
 * io.sluice.steering.map.SockMap}, {@link io.sluice.steering.map.SockHash}, {@link
 * io.sluice.steering.map.ReuseportSockArray}), of data ({@link io.sluice.steering.map.ArrayMap},
 * {@link io.sluice.steering.map.HashTable}, {@link io.sluice.steering.map.LpmTrie}, and {@link
 * io.sluice.steering.map.PerLoopArray} and {@link io.sluice.steering.map.PerLoopHash} with a value
 * per event loop), and of maps ({@link io.sluice.steering.map.ArrayOfMaps}, {@link
 * io.sluice.steering.map.HashOfMaps}).
 */
@NullMarked
package io.sluice.steering.map;

import org.jspecify.annotations.NullMarked;
