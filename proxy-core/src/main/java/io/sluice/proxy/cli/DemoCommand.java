package io.sluice.proxy.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** {@code sluice demo}. */
@Command(name = "demo", description = "Steers real requests on loopback, and shows how.")
final class DemoCommand implements Callable<Integer> {
  @Override
  public Integer call() {
    return 1;
  }
}
