package io.sluice.config;

/** A target and its weight. */
public record TargetSpec(TargetAddress address, int weight) {}
