/** The command line: every command but the daemon itself, which {@code control} runs. */
@NullMarked
package io.sluice.proxy.cli;

import org.jspecify.annotations.NullMarked;
