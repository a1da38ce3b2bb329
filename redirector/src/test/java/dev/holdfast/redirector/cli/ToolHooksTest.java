package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.control.ControlServer;
import dev.holdfast.redirector.control.FakeService;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.MigrationState;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * libvirt's, CRIU's and Proxmox's hooks, called just as those do, against a daemon without packets.
 */
@Timeout(60)
class ToolHooksTest {
  private static final Path HOOKS = Path.of("../conf/hooks").toAbsolutePath().normalize();
  private static final String MAC = "52:54:00:10:00:1a";
  private static final String DOMAIN =
      """
      <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
        <name>web1</name>
        <devices><interface type='bridge'><mac address='52:54:00:10:00:1A'/></interface></devices>
        <qemu:commandline>
          <qemu:arg value='-qmp'/>
          <qemu:arg value='unix:/run/holdfast/web1.qmp,server=on,wait=off'/>
        </qemu:commandline>
      </domain>
      """;

  @TempDir private Path folder;
  private final FakeService service = new FakeService();
  private Path socket;
  private ControlServer server;

  @BeforeEach
  void start() throws Exception {
    socket = folder.resolve("c.sock");
    server = new ControlServer(socket, service);
    server.start();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private void arm(String name, String role, @Nullable String mac, String state) throws Exception {
    service.role(role);
    String id =
        service
            .arm(
                MigrationRequest.of(
                        name, List.of("10.1.0.10"), List.of("10.2.0.10"), "host-b", "br0")
                    .guestMac(mac)
                    .request())
            .id();
    MigrationState wanted = MigrationState.ofLabel(state);
    for (MigrationState next : List.of(MigrationState.HOLDING, MigrationState.REDIRECTING)) {
      if (wanted.compareTo(next) >= 0) {
        service.move(id, next);
      }
    }
  }

  private String state(String id) throws Exception {
    return service.show(id).state();
  }

  private CliRun run(Map<String, String> environment, String in, String... arguments) {
    Surroundings usual = CliRun.SURROUNDINGS;
    List<String> all = new ArrayList<>(List.of("--socket=" + socket));
    all.addAll(List.of(arguments));
    return CliRun.in(
        new Surroundings(
            usual.daemon(),
            usual.clock(),
            usual.zone(),
            environment,
            usual.processStatus(),
            new ByteArrayInputStream(in.getBytes(StandardCharsets.UTF_8))),
        all.toArray(String[]::new));
  }

  private CliRun libvirt(String xml, String... arguments) {
    List<String> all = new ArrayList<>(List.of("hook", "libvirt"));
    all.addAll(List.of(arguments));
    return run(Map.of(), xml, all.toArray(String[]::new));
  }

  /** What libvirt says at the old host, without a monitor to watch: late, and perhaps twice. */
  @ParameterizedTest
  @CsvSource({
    "armed,       prepare, begin, -,         armed",
    "armed,       started, begin, -,         armed",
    "armed,       stopped, end,   -,         holding",
    "holding,     stopped, end,   -,         holding",
    "redirecting, stopped, end,   -,         redirecting",
    "holding,     release, end,   migrated,  redirecting",
    "armed,       release, end,   migrated,  redirecting",
    "redirecting, release, end,   migrated,  redirecting",
    "holding,     release, end,   -,         holding",
    "armed,       release, end,   shutdown,  armed",
    "holding,     release, end,   failed,    holding",
    "armed,       reconnect, begin, -,       armed",
    "armed,       of-libvirt-20, end, -,     armed",
  })
  void libvirtAtTheOldHost(String before, String operation, String sub, String extra, String after)
      throws Exception {
    arm("web1", "redirector", null, before);
    for (int i = 0; i < 2; i++) {
      CliRun run = libvirt(DOMAIN, "web1", operation, sub, extra);
      assertThat(run.exitCode()).isZero();
      assertThat(run.out()).isEmpty();
      assertThat(state("id-1")).isEqualTo(after);
    }
  }

  @Test
  void libvirtsReasonIsPassedOn() throws Exception {
    arm("web1", "redirector", null, "armed");
    assertThat(libvirt(DOMAIN, "web1", "release", "end", "destroyed").err())
        .isEqualTo(
            "The guest has ended here and was not moved (destroyed). To end the migration: holdfast"
                + " migration rollback web1\n");
    assertThat(libvirt(DOMAIN, "web1", "release", "end", "-").err())
        .contains("libvirt (before 10.5) does not say why");
  }

  /** QEMU runs there as soon as it is started; the guest runs when its memory has come. */
  @Test
  void libvirtAtTheNewHostReleasesNothing() throws Exception {
    arm("web1", "endpoint", null, "holding");
    for (String operation :
        List.of("prepare begin", "start begin", "started begin", "stopped end")) {
      String[] words = operation.split(" ");
      CliRun run = libvirt(DOMAIN, "web1", words[0], words[1], "-");
      assertThat(run.exitCode()).isZero();
      assertThat(run.out()).isEmpty();
      assertThat(state("id-1")).isEqualTo("holding");
    }
  }

  @Test
  void aGuestIsKnownByItsMacToo() throws Exception {
    arm("shop", "redirector", MAC, "armed");
    assertThat(libvirt(DOMAIN, "web1", "stopped", "end", "-").err())
        .isEqualTo("shop is holding.\n");
    assertThat(state("shop")).isEqualTo("holding");
  }

  @Test
  void othersGuestsAreLeftAloneAndNothingIsSaid() throws Exception {
    arm("web1", "redirector", null, "armed");
    for (String xml : List.of("", "<domain><name>db1</name></domain>", "not XML")) {
      for (String operation : List.of("stopped end", "release end", "migrate begin")) {
        String[] words = operation.split(" ");
        CliRun run = libvirt(xml, "db1", words[0], words[1], "migrated");
        assertThat(run).isEqualTo(new CliRun(0, "", ""));
      }
    }
    assertThat(state("web1")).isEqualTo("armed");
    server.close();
    assertThat(libvirt(DOMAIN, "web1", "stopped", "end", "-")).isEqualTo(new CliRun(0, "", ""));
  }

  @Test
  void aGuestWithoutAMonitorIsToldHowToHaveOne() throws Exception {
    arm("web1", "endpoint", null, "armed");
    CliRun run = libvirt("<domain><name>web1</name></domain>", "web1", "migrate", "begin", "-");
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).isEmpty();
    assertThat(run.err()).contains("has no monitor for Holdfast", "-qmp");
    assertThat(libvirt("<dom", "web1", "migrate", "begin", "-").err())
        .startsWith("The guest's XML cannot be read");
  }

  /** A program that stands in for holdfast and writes down how it was called. */
  private Path standIn() throws IOException {
    Path file = folder.resolve("stand-in");
    Files.writeString(
        file,
        "#!/bin/sh\n{ echo \"$*\"; cat; } >> "
            + folder
            + "/called\necho on standard output\n[ -z \"${FAIL:-}\" ] || exit \"$FAIL\"\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    return file;
  }

  private String called() throws IOException {
    Path file = folder.resolve("called");
    return Files.exists(file) ? Files.readString(file) : "";
  }

  private record Ended(int status, String out) {}

  /** Runs a script of conf/hooks as a tool does: arguments, standard input, environment. */
  private Ended script(String name, String in, Map<String, String> environment, String... arguments)
      throws Exception {
    Path stdin = Files.writeString(folder.resolve("stdin"), in);
    Path out = folder.resolve("stdout");
    List<String> command = new ArrayList<>(List.of(HOOKS.resolve(name).toString()));
    command.addAll(List.of(arguments));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectInput(stdin.toFile()).redirectOutput(out.toFile());
    builder.redirectError(ProcessBuilder.Redirect.DISCARD);
    builder.environment().put("HOLDFAST_CONTROL", socket.toString());
    builder.environment().put("HOLDFAST", standIn().toString());
    builder.environment().putAll(environment);
    Process process = builder.start();
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    return new Ended(process.exitValue(), Files.readString(out));
  }

  @Test
  void libvirtsScriptNeverPrintsOrFails() throws Exception {
    Ended ended =
        script("libvirt/holdfast", DOMAIN, Map.of("FAIL", "4"), "web1", "migrate", "begin", "-");
    assertThat(ended).isEqualTo(new Ended(0, ""));
    assertThat(called()).isEqualTo("hook libvirt web1 migrate begin -\n" + DOMAIN);
    Ended other = script("libvirt/holdfast", DOMAIN, Map.of(), "web1", "prepare", "begin", "-");
    assertThat(other).isEqualTo(new Ended(0, ""));
    Ended dead =
        script(
            "libvirt/holdfast",
            DOMAIN,
            Map.of("HOLDFAST_CONTROL", folder.resolve("none").toString()),
            "web1",
            "stopped",
            "end",
            "-");
    assertThat(dead).isEqualTo(new Ended(0, ""));
    Ended missing =
        script(
            "libvirt/holdfast",
            DOMAIN,
            Map.of("HOLDFAST", "/no/such/program"),
            "web1",
            "release",
            "end",
            "migrated");
    assertThat(missing).isEqualTo(new Ended(0, ""));
    assertThat(called()).hasLineCount(1 + (int) DOMAIN.lines().count());
  }

  @Test
  void aGuestThatIsArmedIsWatchedBySomethingOfTheDaemons() throws Exception {
    Files.writeString(folder.resolve("web1.xml"), "<domstatus/>");
    Map<String, String> environment =
        Map.of("HOLDFAST_LIBVIRT_STATUS", folder.toString(), "HOLDFAST_MIGRATION", "web1");
    assertThat(script("libvirt/holdfast-armed", "{}", environment).status()).isZero();
    assertThat(called()).isEqualTo("hook libvirt web1 armed begin -\n<domstatus/>");
    Map<String, String> other =
        Map.of("HOLDFAST_LIBVIRT_STATUS", folder.toString(), "HOLDFAST_MIGRATION", "db1");
    assertThat(script("libvirt/holdfast-armed", "{}", other).status()).isZero();
    assertThat(called()).doesNotContain("db1");
  }

  /** The watch that a hook starts outlives it, and nobody waits for it. */
  @Test
  void theWatchIsAProcessOfItsOwn() throws Exception {
    Path program = folder.resolve("watch");
    Files.writeString(
        program,
        "#!/bin/sh\necho \"$HOLDFAST_CONTROL: $*\"\nps -o sid= -p $$ | tr -d ' '\nsleep 0.3\n"
            + "echo still here\n");
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
    DetachedWatch starter = new DetachedWatch(List.of(program.toString()), socket);
    starter.start(Path.of("/run/x.qmp"), "id-1", "destination");
    Path log = starter.log("id-1");
    assertThat(log).isEqualTo(folder.resolve("hook-id-1.log"));
    while (!Files.readString(log).endsWith("still here\n")) {
      Thread.sleep(10);
    }
    assertThat(Files.readAllLines(log).getFirst())
        .isEqualTo(
            socket
                + ": hook qmp --socket /run/x.qmp --migration id-1 --role destination --no-gate"
                + " --connect-timeout 60s");
    String own =
        new String(
                new ProcessBuilder("ps", "-o", "sid=", "-p", "" + ProcessHandle.current().pid())
                    .start()
                    .getInputStream()
                    .readAllBytes(),
                StandardCharsets.UTF_8)
            .strip();
    assertThat(Files.readAllLines(log).get(1)).isNotEqualTo(own).matches("[0-9]+");
  }

  private CliRun criu(String action, String... more) {
    List<String> all = new ArrayList<>(List.of("hook", "criu", "--migration=web1"));
    all.addAll(List.of(more));
    return run(Map.of("CRTOOLS_SCRIPT_ACTION", action), "", all.toArray(String[]::new));
  }

  @Test
  void criusActionsAtTheOldHost() throws Exception {
    arm("web1", "redirector", null, "armed");
    for (String action : List.of("pre-dump", "network-lock", "post-dump")) {
      CliRun run = criu(action);
      assertThat(run.exitCode()).as(action).isZero();
      assertThat(run.out()).isEmpty();
      assertThat(state("web1")).isEqualTo("holding");
    }
    assertThat(criu("network-unlock").exitCode()).isZero(); // the dump has failed
    assertThat(state("web1")).isEqualTo("rolled-back");
    assertThat(criu("post-resume").exitCode()).isZero();
    CliRun again = criu("pre-dump");
    assertThat(again.exitCode()).isEqualTo(4);
    assertThat(again.err()).contains("hold is not possible: 'web1' is rolled-back");
  }

  @Test
  void criusActionsAtTheNewHost() throws Exception {
    arm("web1", "endpoint", null, "holding");
    for (String action :
        List.of("pre-restore", "setup-namespaces", "post-restore", "network-unlock")) {
      assertThat(criu(action).exitCode()).as(action).isZero();
      assertThat(state("web1")).as(action).isEqualTo("holding");
    }
    assertThat(criu("pre-resume").exitCode()).isZero();
    assertThat(state("web1")).isEqualTo("redirecting");
    assertThat(criu("post-resume").exitCode()).isZero();
    assertThat(criu("post-resume").err()).isEqualTo("web1 was already redirecting.\n");
  }

  @Test
  void aDumpThatCannotBeHeldIsRefused() throws Exception {
    arm("web1", "redirector", null, "armed");
    service.failToHold();
    assertThat(criu("pre-dump").exitCode()).isEqualTo(1);
    assertThat(criu("pre-dump", "--if-hold-fails=continue").exitCode()).isZero();
    assertThat(state("web1")).isEqualTo("armed");
    assertThat(run(Map.of(), "", "hook", "criu", "--migration=web1").exitCode()).isEqualTo(2);
    assertThat(run(Map.of(), "", "hook", "criu", "--migration=x", "--action=pre-dump").exitCode())
        .isEqualTo(4);
    server.close();
    assertThat(criu("pre-dump").exitCode()).isEqualTo(3);
  }

  /** CRIU gives it no arguments. */
  private Ended criuScript(String action) throws Exception {
    return script(
        "criu/holdfast-criu.sh",
        "",
        Map.of("CRTOOLS_SCRIPT_ACTION", action, "HOLDFAST_MIGRATION", "web1", "FAIL", "9"));
  }

  /** What is quick is done by curl; what is not plain is left to holdfast. */
  @Test
  void criusScript() throws Exception {
    arm("web1", "redirector", null, "armed");
    assertThat(criuScript("post-dump").status()).isZero();
    assertThat(state("web1")).isEqualTo("armed");
    assertThat(criuScript("pre-dump").status()).isZero();
    assertThat(state("web1")).isEqualTo("holding");
    assertThat(called()).isEmpty();
    assertThat(criuScript("pre-resume").status()).isEqualTo(9); // restored here: no release
    assertThat(criuScript("network-unlock").status()).isEqualTo(9);
    assertThat(state("web1")).isEqualTo("holding");
    assertThat(called()).isEqualTo("hook criu --migration web1\n".repeat(2));
    service.rollback("web1", false);

    arm("web1", "endpoint", null, "holding");
    assertThat(criuScript("post-restore").status()).isZero();
    assertThat(criuScript("network-unlock").status()).isZero();
    assertThat(state("web1")).isEqualTo("holding");
    assertThat(criuScript("post-resume").status()).isEqualTo(9); // not released: holdfast insists
    assertThat(called()).hasLineCount(3);
    assertThat(criuScript("pre-resume").status()).isZero();
    assertThat(state("web1")).isEqualTo("redirecting");
    assertThat(criuScript("post-resume").status()).isZero();
    assertThat(called()).hasLineCount(3);
  }

  private CliRun proxmox(@Nullable String from, String... arguments) {
    List<String> all = new ArrayList<>(List.of("hook", "proxmox"));
    all.addAll(List.of(arguments));
    return run(
        from == null ? Map.of() : Map.of("PVE_MIGRATED_FROM", from),
        "",
        all.toArray(String[]::new));
  }

  @Test
  void proxmoxPhases() throws Exception {
    arm("vm100", "redirector", null, "armed");
    for (String phase : List.of("pre-start", "pre-stop", "of-proxmox-20")) {
      assertThat(proxmox(null, "100", phase)).isEqualTo(new CliRun(0, "", ""));
      assertThat(state("vm100")).isEqualTo("armed");
    }
    assertThat(proxmox(null, "101", "post-stop")).isEqualTo(new CliRun(0, "", ""));
    assertThat(state("vm100")).isEqualTo("armed");
    assertThat(proxmox(null, "100", "post-stop").exitCode()).isZero();
    assertThat(state("vm100")).isEqualTo("holding");
    assertThat(proxmox("pve2", "100", "post-start")).isEqualTo(new CliRun(0, "", ""));
    assertThat(state("vm100")).isEqualTo("holding");
    assertThat(proxmox(null, "100", "post-start").exitCode()).isZero();
    assertThat(state("vm100")).isEqualTo("rolled-back");
    assertThat(proxmox(null, "100", "post-start")).isEqualTo(new CliRun(0, "", ""));
  }

  @Test
  void proxmoxScript() throws Exception {
    assertThat(script("proxmox/holdfast.sh", "", Map.of("FAIL", "1"), "100", "pre-start").status())
        .isZero();
    assertThat(script("proxmox/holdfast.sh", "", Map.of(), "100", "pre-stop").status()).isZero();
    assertThat(called()).isEqualTo("hook proxmox 100 pre-start\n");
  }
}
