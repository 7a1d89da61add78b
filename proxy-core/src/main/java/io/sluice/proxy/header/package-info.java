/**
 * The PROXY protocol, versions 1 and 2: who a proxy before us says the client is, and what we say
 * to a server behind us (HAProxy, doc/proxy-protocol.txt).
 *
 * <p>Our own rather than Netty's, because it reads headers in place, without taking a byte of what
 * follows, and for datagrams as well (docs/adr/0006).
 */
@NullMarked
package io.sluice.proxy.header;

import org.jspecify.annotations.NullMarked;
