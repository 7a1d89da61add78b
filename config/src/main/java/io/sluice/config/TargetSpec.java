package io.sluice.config;

/**
 * One endpoint of a destination.
 *
 * @param weight 0–1000, its share relative to the others; 0 is none
 */
public record TargetSpec(TargetAddress address, int weight) {}
