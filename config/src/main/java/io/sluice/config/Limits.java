package io.sluice.config;

import java.time.Duration;

/** Bounds. */
public record Limits(int connections, int flows, Duration halfClosed, Duration drain) {}
