/** YAML to validated records; every problem at once, with its place in the file. */
@NullMarked
package io.sluice.config;

import org.jspecify.annotations.NullMarked;
