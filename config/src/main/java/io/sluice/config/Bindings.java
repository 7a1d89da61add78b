package io.sluice.config;

/**
 * All bindings of a configuration, as they were read.
 *
 * @param anyPorts where a port is {@code any}, which needs a capture
 */
record Bindings(BindingRows rows, AnyPorts anyPorts) {}
