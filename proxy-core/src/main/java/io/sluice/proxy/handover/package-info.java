/**
 * How a running daemon tells another one what it has: the frames, their fields, and the descriptors
 * that go with them. What a thing says of itself is written where the thing is. docs/takeover.md is
 * the form's definition.
 */
@NullMarked
package io.sluice.proxy.handover;

import org.jspecify.annotations.NullMarked;
