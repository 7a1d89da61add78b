package io.sluice.proxy.cli;

import picocli.CommandLine.Option;

/** {@code -h}. */
final class HelpOption {
  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help.")
  boolean help;
}
