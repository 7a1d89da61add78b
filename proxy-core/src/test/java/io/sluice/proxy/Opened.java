package io.sluice.proxy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Closes after each test what it opened, the last first; register it as an extension. */
public final class Opened implements AfterEachCallback {
  private final List<AutoCloseable> open = new ArrayList<>();

  /** This is to be closed. */
  public <T extends AutoCloseable> T add(T it) {
    open.add(it);
    return it;
  }

  @Override
  public void afterEach(ExtensionContext context) throws Exception {
    for (AutoCloseable it : open.reversed()) {
      it.close();
    }
    open.clear();
  }
}
