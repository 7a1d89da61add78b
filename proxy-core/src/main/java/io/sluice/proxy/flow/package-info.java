/** UDP. */
@NullMarked
package io.sluice.proxy.flow;

import org.jspecify.annotations.NullMarked;
