/** Names of targets and their addresses: asked for by threads of its own, read by the loops. */
@NullMarked
package io.sluice.proxy.name;

import org.jspecify.annotations.NullMarked;
