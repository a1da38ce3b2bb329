package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.migration.Daemon;
import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.time.SystemClock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Comparator;
import java.util.stream.Stream;
import picocli.CommandLine.Command;

/**
 * {@code holdfast rehearse}: for the build, which lets the virtual machine watch it and keeps what
 * it has learnt for all later starts.
 */
@Command(
    name = "rehearse",
    hidden = true,
    description = "Plays what a daemon plays for itself when it starts, and ends.",
    footerHeading = "%nExamples:%n",
    footer = {"  holdfast rehearse"})
final class RehearseCommand extends Verb {
  @Override
  public Integer call() throws Exception {
    Path folder = Files.createTempDirectory("holdfast-rehearse-");
    try {
      Daemon.rehearse(
          folder,
          HostIdentity.create(
              "rehearsal", Duration.ofDays(1), SystemClock.INSTANCE, new SecureRandom()));
    } finally {
      try (Stream<Path> all = Files.walk(folder)) {
        for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(each);
        }
      }
    }
    return 0;
  }
}
