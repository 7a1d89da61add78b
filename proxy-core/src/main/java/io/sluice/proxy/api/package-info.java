/**
 * The admin socket: how a running daemon is asked and changed. HTTP/1.1 with JSON over a Unix
 * socket, described by {@code openapi.json} beside these classes.
 */
@NullMarked
package io.sluice.proxy.api;

import org.jspecify.annotations.NullMarked;
