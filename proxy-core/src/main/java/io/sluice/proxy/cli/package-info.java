/** The command line: what a person types, and what it answers. */
@NullMarked
package io.sluice.proxy.cli;

import org.jspecify.annotations.NullMarked;
