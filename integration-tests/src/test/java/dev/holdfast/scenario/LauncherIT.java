package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.rules.SourceTree;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The launcher as a person uses it: from elsewhere, and through a link on the PATH. */
class LauncherIT {

  @TempDir private Path folder;

  private record Outcome(int status, String out, String err) {}

  private Outcome launch(Path program, String... arguments)
      throws IOException, InterruptedException {
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    var command = new ProcessBuilder(program.toString());
    command.command().addAll(List.of(arguments));
    Process process =
        command
            .directory(folder.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("the launcher ends").isTrue();
    return new Outcome(process.exitValue(), text(out), text(err));
  }

  private static String text(Path file) throws IOException {
    return Files.readString(file, StandardCharsets.UTF_8);
  }

  @Test
  void startsFromAnotherFolder() throws Exception {
    Outcome outcome = launch(SourceTree.root().resolve("holdfast"), "--help");
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.out()).startsWith("Usage: holdfast");
    assertThat(outcome.status()).isZero();
  }

  @Test
  void startsThroughALink() throws Exception {
    Path link = folder.resolve("linked");
    Files.createSymbolicLink(link, SourceTree.root().resolve("holdfast"));
    Outcome outcome = launch(link, "--version");
    Files.delete(link);
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.out()).startsWith("holdfast ");
    assertThat(outcome.status()).isZero();
  }

  /** Without any locale, as under cron; this test's own names may be no better. */
  @Test
  void opensFilesWithAnyLettersInTheirNames() throws Exception {
    for (String locale : List.of("LC_ALL=C", "LC_ALL= LC_CTYPE= LANG=", "LC_ALL=POSIX")) {
      Path script = folder.resolve("script");
      Files.writeString(
          script,
          """
          name=trac$(printf '\\303\\251').pcap
          echo nothing >"$name"
          %s '%s' replay run "$name"
          """
              .formatted(locale, SourceTree.root().resolve("holdfast")));
      Outcome outcome = launch(Path.of("/bin/bash"), script.toString());
      assertThat(outcome.err()).startsWith("trac\u00e9.pcap is no capture file");
      assertThat(outcome.status()).isEqualTo(2);
    }
  }

  @Test
  void passesTheExitCodeOn() throws Exception {
    Outcome outcome = launch(SourceTree.root().resolve("holdfast"), "--no-such-option");
    assertThat(outcome.out()).isEmpty();
    assertThat(outcome.status()).isEqualTo(2);
  }
}
