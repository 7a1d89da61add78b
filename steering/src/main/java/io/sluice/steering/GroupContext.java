package io.sluice.steering;

/**
 * What a kind of reuseport group keeps in a {@link LookupContext}, so that it allocates nothing per
 * lookup: what the group's programs see. Of one context, and so of one thread.
 */
public interface GroupContext {}
