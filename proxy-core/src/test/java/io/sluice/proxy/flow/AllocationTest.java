package io.sluice.proxy.flow;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AllocationTest {
  /**
   * A foreign call makes a slice of the segment that takes errno ({@code
   * SharedUtils.checkCaptureSegment}). The compiler removes it, unless it has inlined the call into
   * something too big: then each call costs 40 bytes. That depends on the machine's mood, so this
   * runs in a process where the calls are compiled on their own.
   */
  @ParameterizedTest
  @ValueSource(strings = {"FLOW", "DATAGRAM", "headers", "mapped"})
  void aDatagramOfAnExistingFlowAllocatesNothing(String how) throws Exception {
    assertAllocatesNothing(how);
  }

  @Test
  void aReplyThroughASocketOfItsAddressAndPortAllocatesNothing() throws Exception {
    assertAllocatesNothing("steered");
  }

  private static void assertAllocatesNothing(String argument) throws Exception {
    Process probe =
        new ProcessBuilder(
                Path.of(property("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "--enable-native-access=ALL-UNNAMED",
                "-XX:CompileCommand=quiet",
                "-XX:CompileCommand=dontinline,io.sluice.proxy.linux.Syscalls::*",
                "-cp",
                property("java.class.path"),
                AllocationProbe.class.getName(),
                argument)
            .redirectError(Redirect.INHERIT)
            .start();
    String output = new String(probe.getInputStream().readAllBytes(), UTF_8);
    assertThat(probe.waitFor()).isZero();
    // A few bytes in all may be the timer's.
    assertThat(Long.parseLong(output.strip()))
        .as("bytes for %d datagrams and as many replies", AllocationProbe.ROUND)
        .isBetween(0L, AllocationProbe.ROUND / 4L);
  }

  private static String property(String name) {
    return Objects.requireNonNull(System.getProperty(name));
  }
}
