package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.host.ThisProgram;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Hosts with a daemon each that are driven through the command line alone. */
final class Sites {
  private final Path folder;
  private final Cleanup cleanup;
  private final Map<Site, Process> daemons = new LinkedHashMap<>();

  /**
   * @param folder for everything that they write
   */
  Sites(Path folder, Cleanup cleanup) {
    this.folder = folder;
    this.cleanup = cleanup;
  }

  /** A host: where it runs and what its config has of its own. */
  record Site(Namespace machine, String name, String endpoint, String uplink, int connections) {
    /** With as many data connections as a config has that says nothing of them. */
    Site(Namespace machine, String name, String endpoint, String uplink) {
      this(machine, name, endpoint, uplink, 4);
    }
  }

  Path config(Site site) {
    return folder.resolve(site.name() + ".toml");
  }

  private Path certificate(Site site) {
    return folder.resolve(site.name() + ".crt");
  }

  private String socket(Site site) {
    return folder.resolve(site.name() + ".sock").toString();
  }

  private Holdfast.Outcome holdfast(String... arguments) throws Exception {
    return Holdfast.run(folder, arguments);
  }

  /** A command for the daemon of {@code site}. */
  Holdfast.Outcome ask(Site site, String... arguments) throws Exception {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.add("--socket");
    all.add(socket(site));
    return holdfast(all.toArray(String[]::new));
  }

  /**
   * @param more lines of TOML behind the rest, which ends in the table {@code [drain]}
   */
  void writeConfig(Site site, String more) throws Exception {
    Path key = folder.resolve(site.name() + ".key");
    holdfast(
            "cert",
            "init",
            "--name",
            site.name(),
            "--cert",
            certificate(site).toString(),
            "--key",
            key.toString())
        .endsWith(0);
    Files.writeString(
        config(site),
        """
        [daemon]
        name    = "%1$s"
        control = "%1$s.sock"
        state   = "%1$s.state"
        pins    = "%1$s.pins"
        [tunnel]
        listen = "%2$s"
        uplink = "%3$s"
        device = "steer%1$s"
        connections = %4$d
        [identity]
        certificate = "%1$s.crt"
        key         = "%1$s.key"
        [drain]
        time-wait = "1s"
        after     = "1s"
        """
                .formatted(site.name(), site.endpoint(), site.uplink(), site.connections())
            + more);
  }

  void trust(Site here, Site other, String granted) throws Exception {
    holdfast(
            "cert",
            "trust",
            certificate(other).toString(),
            "--name",
            other.name(),
            "--endpoint",
            other.endpoint(),
            "--addresses",
            granted,
            "--append",
            config(here).toString())
        .endsWith(0);
    holdfast("config", "check", config(here).toString()).endsWith(0);
  }

  void start(Site site) throws Exception {
    ask(site, "status").endsWith(3);
    List<String> command = new ArrayList<>(site.machine().within());
    command.addAll(ThisProgram.command());
    command.addAll(List.of("run", "--config", config(site).toString()));
    Path log = folder.resolve(site.name() + ".log");
    Process daemon =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    daemons.put(site, daemon);
    cleanup.add("the daemon of " + site.name(), () -> stop(daemon));
    while (!Files.exists(Path.of(socket(site)))) {
      assertThat(daemon.isAlive()).as("the daemon runs:%n%s", Files.readString(log)).isTrue();
      Thread.sleep(20);
    }
    ask(site, "status").endsWith(0);
  }

  /** Ends the daemons as systemd would. */
  void stop() throws IOException, InterruptedException {
    for (Process daemon : daemons.values()) {
      stop(daemon);
    }
  }

  /** Ends the daemon of a site with SIGKILL, as a crash would. */
  void kill(Site site) throws Exception {
    Process daemon = daemons.remove(site);
    assertThat(daemon).as("the daemon of %s", site.name()).isNotNull();
    daemon.destroyForcibly().waitFor();
    Files.deleteIfExists(Path.of(socket(site))); // so that the next one's can be waited for
  }

  /** Undoes what a killed daemon has left. */
  void cleanUp(Site site) throws Exception {
    List<String> command = new ArrayList<>(site.machine().within());
    command.addAll(ThisProgram.command());
    command.addAll(List.of("cleanup", "--config", config(site).toString()));
    var unused = Tool.run(command);
  }

  private static void stop(Process daemon) throws IOException, InterruptedException {
    daemon.destroy();
    if (!daemon.waitFor(10, TimeUnit.SECONDS)) {
      daemon.destroyForcibly();
      throw new IOException("it did not end after SIGTERM");
    }
  }

  /** The state of a migration, by what {@code migration show --json} printed. */
  static String state(String shown) {
    Matcher state = Pattern.compile("\"state\"\\s*:\\s*\"([^\"]*)\"").matcher(shown);
    assertThat(state.find()).as("it has a state: %s", shown).isTrue();
    return state.group(1); // the history comes later
  }

  /**
   * When a migration came into a state, in milliseconds since the epoch.
   *
   * @param shown what {@code migration show --json} printed
   */
  static long entered(String shown, String state) {
    Matcher entry =
        Pattern.compile("\"state\"\\s*:\\s*\"" + state + "\"\\s*,\\s*\"epochNanos\"\\s*:\\s*(\\d+)")
            .matcher(shown);
    assertThat(entry.find()).as("it has been %s: %s", state, shown).isTrue();
    return Long.parseLong(entry.group(1)) / 1_000_000;
  }
}
