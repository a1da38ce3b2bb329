package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.host.ThisProgram;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.GuestCable;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.lab.Namespace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * Runs the README's five minutes as they are written, in the demo's lab, which has the README's
 * names and addresses.
 *
 * <pre>
 *   host-a: br0 10.1.0.2, port vnet3 - guest 10.1.0.10 - (later) host-b: br0 10.2.0.2
 * </pre>
 *
 * <p>What differs is said here: /etc/holdfast and /run/holdfast are folders of the test, and there
 * is no name server, so {@code --dns-name} is left out.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class ReadmeIT {
  private final Cleanup cleanup = new Cleanup();

  @TempDir private Path folder;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  /** The commands of the README's sh blocks, in order, one string each. */
  private static List<String> commands() throws IOException {
    String readme = Files.readString(Path.of("..", "README.md"));
    Matcher block = Pattern.compile("```sh\n(.*?)```", Pattern.DOTALL).matcher(readme);
    List<String> commands = new ArrayList<>();
    while (block.find()) {
      for (String line : block.group(1).replace("\\\n", " ").split("\n", -1)) {
        String command = line.replaceFirst("\\s#.*", "").strip();
        if (!command.isEmpty()) {
          commands.add(command);
        }
      }
    }
    return commands;
  }

  private Path home(String host) {
    return folder.resolve(host);
  }

  /** Runs a command of the README on {@code host}, and returns what it printed. */
  private String on(Namespace machine, String host, String command) throws Exception {
    Path out = Files.createTempFile(folder, "out", "");
    Process process =
        new ProcessBuilder(machine.within("sh", "-ec", here(host, command)))
            .redirectErrorStream(true)
            .redirectOutput(out.toFile())
            .start();
    try {
      assertThat(process.waitFor(90, TimeUnit.SECONDS)).as("%s ends", command).isTrue();
    } finally {
      process.destroyForcibly();
    }
    assertThat(process.exitValue()).as("%s%n%s", command, Files.readString(out)).isZero();
    return Files.readString(out);
  }

  private String here(String host, String command) {
    String program = "'" + String.join("' '", ThisProgram.command()) + "'";
    return ("HOLDFAST_CONTROL=" + home(host) + "/control.sock; export HOLDFAST_CONTROL\n" + command)
        .replaceAll("(?m)(?<=^|\\| )holdfast ", Matcher.quoteReplacement(program + " "))
        .replace("/etc/holdfast", home(host).toString())
        .replace("/var/lib/holdfast", home(host) + "/state")
        .replace("/run/holdfast", home(host).toString())
        .replace(" --dns-name web1.example.org", "")
        .replace("--name host-a", "--name " + host);
  }

  private static List<String> that(List<String> commands, String start) {
    List<String> found = commands.stream().filter(each -> each.startsWith(start)).toList();
    assertThat(found).as("README has '%s'", start).isNotEmpty();
    return found;
  }

  private void configure(
      Namespace machine, String host, String listen, String other, String endpoint)
      throws Exception {
    String fingerprint = "";
    for (String line :
        on(machine, other, "holdfast cert show /etc/holdfast/host.crt").split("\n", -1)) {
      if (line.startsWith("fingerprint")) {
        fingerprint = line.substring(line.indexOf("sha256:"));
      }
    }
    Files.writeString(
        home(host).resolve("holdfast.toml"),
        """
        [daemon]
        name    = "%s"
        control = "%s/control.sock"
        state   = "%s/state"
        [tunnel]
        listen = "%s"
        uplink = "br0"
        [identity]
        certificate = "%s/host.crt"
        key         = "%s/host.key"
        [[remote]]
        name        = "%s"
        endpoint    = "%s"
        fingerprint = "%s"
        addresses   = ["10.1.0.0/24"]
        [drain]
        time-wait = "1s"
        after     = "1s"
        minimum   = "2s"
        """
            .formatted(
                host,
                home(host),
                home(host),
                listen,
                home(host),
                home(host),
                other,
                endpoint,
                fingerprint));
  }

  @Test
  void theFiveMinutesWork() throws Exception {
    Lab lab = Lab.build(LabOptions.plain(), cleanup);
    List<String> commands = commands();
    for (String host : List.of("host-a", "host-b")) {
      Files.createDirectories(home(host));
      for (String command : that(commands, "holdfast cert ")) {
        on(lab.client(), host, command);
      }
    }
    configure(lab.client(), "host-a", "10.1.0.2:4754", "host-b", "10.2.0.2:4754");
    configure(lab.client(), "host-b", "10.2.0.2:4754", "host-a", "10.1.0.2:4754");
    for (String host : List.of("host-a", "host-b")) {
      on(lab.client(), host, that(commands, "holdfast config check").getFirst());
    }
    String run = that(commands, "holdfast run").getFirst();
    start(lab.oldHost(), "host-a", run);
    start(lab.newHost(), "host-b", run);

    assertThat(on(lab.oldHost(), "host-a", that(commands, "holdfast migration plan").getFirst()))
        .contains("10.1.0.10");
    on(lab.oldHost(), "host-a", that(commands, "holdfast migration arm").getFirst());
    GuestCable cable = new GuestCable(lab);
    on(lab.oldHost(), "host-a", that(commands, "holdfast migration hold").getFirst());
    explain(lab.oldHost(), commands);
    cable.unplug();
    cable.plugInAtNewHost();
    for (String command : that(commands, "ip addr add")) {
      on(lab.guest(), "host-a", command);
    }
    on(lab.newHost(), "host-b", that(commands, "holdfast migration release").getFirst());
    assertThat(on(lab.oldHost(), "host-a", that(commands, "holdfast wait").getFirst()))
        .contains("done");
  }

  /** While the guest is held. The README's capture has twelve packets at least. */
  private void explain(Namespace machine, List<String> commands) throws Exception {
    Path trace = folder.resolve("trace.pcap");
    on(
        machine,
        "host-a",
        "tcpdump -c 12 -Unn -i br0 -w "
            + trace
            + " icmp & sleep 1; ping -c 15 -i 0.1 10.1.0.1 > /dev/null; wait $!");
    assertThat(on(machine, "host-a", that(commands, "holdfast explain tcp").getFirst()))
        .contains("guest-is-paused");
    for (String start : List.of("holdfast explain --capture", "tcpdump -xnr")) {
      String command = that(commands, start).getFirst().replace("trace.pcap", trace.toString());
      assertThat(on(machine, "host-a", command)).contains("icmp");
    }
  }

  private void start(Namespace machine, String host, String run) throws Exception {
    Path log = folder.resolve(host + ".log");
    Process daemon =
        new ProcessBuilder(
                machine.within("sh", "-ec", here(host, run).replaceFirst("\n", "\nexec ")))
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    cleanup.add(
        "the daemon of " + host,
        () -> {
          daemon.destroy();
          if (!daemon.waitFor(10, TimeUnit.SECONDS)) {
            daemon.destroyForcibly();
          }
        });
    while (!Files.exists(home(host).resolve("control.sock"))) {
      assertThat(daemon.isAlive()).as("the daemon runs:%n%s", Files.readString(log)).isTrue();
      Thread.sleep(20);
    }
  }
}
