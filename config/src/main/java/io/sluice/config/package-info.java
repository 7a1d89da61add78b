/**
 * From a YAML file to a {@link io.sluice.config.Config}, or to every {@link
 * io.sluice.config.Problem} in it at once.
 *
 * <p>Read it in the order a file takes: {@link io.sluice.config.ConfigReader} bounds and decodes
 * it, {@code YamlTree} turns it into nodes that know their line and column, {@code Value} and
 * {@code Fields} walk these nodes and report what is wrong where, one {@code …Section} per
 * top-level key makes the records, and {@code Labels} and {@code CaptureChecks} hold the sections
 * against each other.
 *
 * <p><b>Why no databinding.</b> The promise is {@code file:line:column: path: what is wrong, and
 * what would be right}, for everything. Jackson 3.2's YAML module stops at the first problem,
 * reports unknown keys without a line, and reads aliases silently wrong; its events are those of
 * snakeyaml-engine. So this module reads the engine's events itself and depends on nothing else.
 * The price is that each section names its keys in code; the gain is that no part of a message is
 * left to a library. The engine's own composer isn't used either: it recurses without bound, and
 * expands aliases that are to be refused.
 *
 * <p><b>How scalars are read.</b> By what the key needs, not by how they are quoted: {@code 8080}
 * and {@code "8080"} are the same port, and a label may be {@code 8080} or {@code true}. Numbers
 * are decimal; booleans are those of YAML 1.2's core schema. Nothing at all ({@code key:}) is an
 * error everywhere, because it mostly is a forgotten value.
 */
@NullMarked
package io.sluice.config;

import org.jspecify.annotations.NullMarked;
