/**
 * Code from jars that the configuration names. Nothing else in this process loads classes or
 * creates objects by reflection.
 */
@NullMarked
package io.sluice.proxy.program;

import org.jspecify.annotations.NullMarked;
