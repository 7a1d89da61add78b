package io.sluice.proxy.change;

import io.sluice.config.Document;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A document that came into force, and how.
 *
 * @param diff what was changed, as {@link Answer.Applied#diff} says it
 * @param document null if it was too large to be kept: then it can't be gone back to
 */
public record Generation(
    long number, Instant at, Who who, List<String> diff, @Nullable Document document) {}
