package io.sluice.config;

/** Where the code of a program comes from. Built-in programs have none. */
public sealed interface Code permits JarClass {
  /** What it is called, and its failures are reported under: {@code com.example.Geo}. */
  String name();
}
