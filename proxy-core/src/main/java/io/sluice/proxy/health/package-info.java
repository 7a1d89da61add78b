/** What is known of each target's address: whether it answers, and when to try it again. */
@NullMarked
package io.sluice.proxy.health;

import org.jspecify.annotations.NullMarked;
