/** Where the process starts: the daemon goes on in {@code control}, commands in {@code cli}. */
@NullMarked
package io.sluice.proxy;

import org.jspecify.annotations.NullMarked;
