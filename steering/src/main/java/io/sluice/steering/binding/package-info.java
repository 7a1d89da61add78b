/**
 * Bindings and rules: the policy that most operators need, as built-in programs.
 *
 * <p>A <em>binding</em> selects traffic by prefix and port and names it with a <em>label</em>. The
 * longest prefix wins, even over an exact port; at equal length the exact port wins; there is no
 * backtracking, and families stay apart: tubular's precedence.
 *
 * <p>{@link io.sluice.steering.binding.BindingTable} finds the binding, {@link
 * io.sluice.steering.binding.BindingsProgram} assigns its label's socket. {@link
 * io.sluice.steering.binding.RulesProgram} is for what bindings can't say: the client's address,
 * port ranges, drops.
 */
@NullMarked
package io.sluice.steering.binding;

import org.jspecify.annotations.NullMarked;
