package io.sluice.config;

/** What was read, and where. */
record Located<T>(T value, Value at) {}
