package io.sluice.proxy.control;

import com.sun.management.HotSpotDiagnosticMXBean;
import com.sun.management.VMOption;
import java.lang.management.ManagementFactory;

/**
 * Keeps the heap near what a large table needs. ZGC collects beside the loops, and by itself begins
 * when the heap has almost its greatest size: a quarter of the machine's memory. Other collectors,
 * and a goal that the operator has set, are left alone.
 */
final class HeapGoal {
  /** Smaller tables leave no garbage worth a goal, and bin/sluice takes another collector. */
  private static final int LARGE = 100_000;

  private static final long BASE_BYTES = 256 << 20;

  /** The table in force (some 47 bytes), the next one, and what is made while that is read. */
  private static final long BYTES_PER_BINDING = 256;

  private static final String OPTION = "SoftMaxHeapSize";

  private HeapGoal() {}

  /** Sets the goal for a table of so many bindings. */
  static void set(int bindings) {
    if (bindings < LARGE) {
      return;
    }
    HotSpotDiagnosticMXBean vm = ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
    boolean isZgc = Boolean.parseBoolean(vm.getVMOption("UseZGC").getValue());
    if (isZgc && vm.getVMOption(OPTION).getOrigin() != VMOption.Origin.VM_CREATION) {
      long most = Runtime.getRuntime().maxMemory();
      vm.setVMOption(OPTION, Long.toString(Math.min(most, bytes(bindings))));
    }
  }

  private static long bytes(int bindings) {
    return BASE_BYTES + BYTES_PER_BINDING * bindings;
  }
}
