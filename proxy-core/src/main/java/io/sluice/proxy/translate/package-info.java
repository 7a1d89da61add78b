/**
 * Reads other proxies' configurations and writes ours: what does the same, and line by line what
 * was left out. It knows their words, and nothing of a running daemon.
 */
@NullMarked
package io.sluice.proxy.translate;

import org.jspecify.annotations.NullMarked;
