package io.sluice.config;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Where the daemon is asked. */
public record Admin(@Nullable HostPort http, @Nullable Path socket) {}
