package io.sluice.proxy.control;

import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** The notification protocol of systemd (sd_notify(3)): one datagram to a Unix socket. */
final class Systemd {
  private Systemd() {}

  /** How often systemd wants to hear that the process lives; 0 if it doesn't (WatchdogSec=). */
  static long watchdogMillis(Map<String, String> environment) {
    String micros = environment.getOrDefault("WATCHDOG_USEC", "");
    String pid = environment.getOrDefault("WATCHDOG_PID", "");
    boolean isOurs = pid.isEmpty() || pid.equals(String.valueOf(ProcessHandle.current().pid()));
    return isOurs && micros.matches("[0-9]{1,18}") ? Long.parseLong(micros) / 1_000 : 0;
  }

  /** Tells systemd a state, if it wants to know. */
  static void tell(String state) {
    String path = System.getenv("NOTIFY_SOCKET");
    if (path == null || path.isEmpty()) {
      return;
    }
    Syscalls syscalls = new Syscalls();
    int fd = syscalls.socket(Linux.AF_UNIX, Linux.SOCK_DGRAM);
    if (fd >= 0) {
      byte[] bytes = state.getBytes(StandardCharsets.UTF_8);
      NativeBuffer message = new NativeBuffer(bytes.length);
      message.copyFrom(bytes);
      if (syscalls.connect(fd, new Sockaddr().setUnix(path)) == 0) {
        long _ = syscalls.send(fd, message.address(), bytes.length);
      }
      int _ = syscalls.close(fd);
    }
  }
}
