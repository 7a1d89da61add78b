package io.sluice.config;

/**
 * What a lookup must come to; {@code sluice test} holds the configuration against it.
 *
 * @param line where it stands in the file
 */
public record Expectation(Lookup lookup, Outcome outcome, int line) {}
