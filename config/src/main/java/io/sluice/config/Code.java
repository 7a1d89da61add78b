package io.sluice.config;

/** Where the code of a program comes from. Built-in programs have none. */
public sealed interface Code permits JarClass {}
