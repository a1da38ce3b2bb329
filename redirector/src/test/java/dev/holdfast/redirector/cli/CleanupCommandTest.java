package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.config.ConfigReader;
import dev.holdfast.redirector.migration.Daemon;
import dev.holdfast.redirector.steer.KernelChange;
import dev.holdfast.redirector.steer.KernelChange.Command;
import dev.holdfast.redirector.steer.KernelLedger;
import dev.holdfast.redirector.steer.LinuxKernel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** With changes that ask nothing of the kernel, or what it has not. */
class CleanupCommandTest {
  private static final KernelChange SHARED = change("shared table", List.of());
  private static final KernelChange ROUTE = change("route of web1", List.of());
  private static final KernelChange STUBBORN =
      change("what nobody can undo", List.of(new Command.Ip("no-such-object del x")));

  @TempDir private Path folder;
  private Path config;
  private Path ledger;

  private static KernelChange change(String name, List<Command> undo) {
    return new KernelChange("make " + name, List.of(), "delete " + name, undo);
  }

  @BeforeEach
  void write() throws Exception {
    config = Configs.write(folder);
    Config read = ConfigReader.read(config);
    Files.createDirectory(read.daemon().state());
    ledger = Daemon.ledgerFile(read);
  }

  private void left(KernelChange... changes) throws Exception {
    try (var kernel = new LinuxKernel();
        var open = KernelLedger.open(ledger, kernel)) {
      open.apply(KernelLedger.HOST, SHARED);
      open.apply("id-1", List.of(changes));
    }
  }

  private CliRun cleanup(String... more) {
    String[] arguments = {"cleanup", "--config=" + config};
    var all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of(more));
    return CliRun.of(all.toArray(String[]::new));
  }

  @Test
  void whatIsLeftIsUndoneAndNamed() throws Exception {
    left(ROUTE);
    CliRun dry = cleanup("--dry-run");
    assertThat(dry.exitCode()).isZero();
    assertThat(dry.out()).isEqualTo("Would undo:\n  delete route of web1\n  delete shared table\n");
    assertThat(ledger).exists();
    CliRun run = cleanup();
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).isEqualTo("Undone:\n  delete route of web1\n  delete shared table\n");
    assertThat(ledger).doesNotExist();
    assertThat(cleanup().out()).isEqualTo("Nothing is left of a daemon.\n");
  }

  @Test
  void whatCannotBeUndoneIsNamedAndStaysKnown() throws Exception {
    left(ROUTE, STUBBORN);
    CliRun run = cleanup("--json");
    assertThat(run.exitCode()).isEqualTo(5);
    JsonNode answer = JsonMapper.shared().readTree(run.out());
    assertThat(answer.get("schema").stringValue()).isEqualTo("holdfast.cleanup/1");
    assertThat(answer.get("undone")).hasSize(2);
    assertThat(answer.at("/failed/0").stringValue()).startsWith("delete what nobody can undo: ");
    assertThat(run.err()).contains("\"kind\":\"partly-done\"");
    CliRun again = cleanup();
    assertThat(again.exitCode()).isEqualTo(1);
    assertThat(again.err()).startsWith("Nothing could be undone:\n");
  }

  @Test
  void aRunningDaemonIsLeftAlone() throws Exception {
    left(ROUTE);
    try (var daemon = Daemon.lockState(ConfigReader.read(config))) {
      CliRun run = cleanup();
      assertThat(run.exitCode()).isEqualTo(4);
      assertThat(run.err()).startsWith("A daemon is running: ").contains("Stop it first;");
    }
    assertThat(ledger).exists();
  }
}
