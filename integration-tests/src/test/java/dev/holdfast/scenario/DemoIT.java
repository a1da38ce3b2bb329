package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.rules.SourceTree;
import dev.holdfast.suite.SideBySide;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceAccessMode;
import org.junit.jupiter.api.parallel.ResourceLock;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code ./holdfast demo} as a person starts it. */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class DemoIT {
  private static final Path HOLDFAST = SourceTree.root().resolve("holdfast");
  private static final long ENDS_WITHIN_SECONDS = 150;

  /** Where something is measured, nothing else runs. */
  private static final String PROCESSORS = "processors";

  /**
   * What the demo promises: 20 s and its pause of 2 s, where no guest's own back-off is waited for.
   */
  private static final Duration PROMISED = Duration.ofSeconds(22);

  @TempDir private Path folder;

  private Path out() {
    return folder.resolve("out");
  }

  private Path err() {
    return folder.resolve("err");
  }

  private Process start(List<String> command) throws IOException {
    return new ProcessBuilder(command)
        .redirectOutput(out().toFile())
        .redirectError(err().toFile())
        .start();
  }

  private int end(Process process) throws InterruptedException {
    assertThat(process.waitFor(ENDS_WITHIN_SECONDS, TimeUnit.SECONDS)).as("it ends").isTrue();
    return process.exitValue();
  }

  private static List<String> demo(String... options) {
    List<String> command = new ArrayList<>(List.of(HOLDFAST.toString(), "demo"));
    command.addAll(List.of(options));
    return command;
  }

  private static void nothingIsLeftOf(Process process) throws IOException {
    assertThat(Tool.run(List.of("ip", "netns", "list"))).doesNotContain("hf" + process.pid() + "-");
  }

  private static List<String> scratchFolders() throws IOException {
    try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.startsWith("holdfast-demo-"))
          .toList();
    }
  }

  @ResourceLock(PROCESSORS)
  @Test
  void threeRunsInARow() throws Exception {
    List<String> scratchBefore = scratchFolders();
    List<Double> p99 = new ArrayList<>();
    for (int run = 0; run < 3; run++) {
      Instant begun = Instant.now();
      Process process = start(demo("--json"));
      int status = end(process);
      if (!Files.readString(err()).contains("guest's own TCP")) {
        assertThat(Duration.between(begun, Instant.now())).isLessThan(PROMISED);
      }
      String printed = Files.readString(out());
      assertThat(status).as("%s%n%s", printed, Files.readString(err())).isZero();
      nothingIsLeftOf(process);
      JsonNode json = JsonMapper.shared().readTree(printed);
      assertThat(json.get("schema").asString()).isEqualTo("holdfast.demo/1");
      assertThat(json.get("connections").get("survived").asInt()).isEqualTo(32);
      assertThat(json.get("leftBehind").isEmpty()).isTrue();
      assertThat(json.get("held").get("packets").asLong()).isPositive();
      assertThat(json.get("newConnection").get("address").asString()).isEqualTo("10.2.0.10");
      p99.add(json.get("recoveryMillis").get("p99").asDouble());
    }
    assertThat(scratchFolders()).isEqualTo(scratchBefore);
    System.out.printf(
        Locale.ROOT,
        "demo: p99 of recovery in three runs %s ms, median %.2f ms%n",
        p99,
        p99.stream().sorted().toList().get(1));
  }

  @SideBySide
  @ResourceLock(value = PROCESSORS, mode = ResourceAccessMode.READ)
  @Test
  void tellsTheStoryAndKeepsWhatItUsed() throws Exception {
    Path kept = folder.resolve("kept");
    Process process =
        start(
            demo(
                "--ipv6",
                "--capture",
                "pcap",
                "--pause",
                "500ms",
                "--connections",
                "8",
                "--keep",
                kept.toString()));
    int status = end(process);
    String story = Files.readString(out());
    assertThat(status).as("%s%n%s", story, Files.readString(err())).isZero();
    assertThat(story)
        .contains("TTL 1 s")
        .contains("drain.time-wait 1 s")
        .contains("Continuity report")
        .contains("fd00:1::10")
        .contains("All 8 connections survived; nothing was left behind.");
    assertThat(kept.resolve("old-host/holdfast.toml")).isNotEmptyFile();
    assertThat(kept.resolve("new-host/daemon.log")).exists();
    assertThat(kept.resolve("captures/client.pcap")).isNotEmptyFile();
  }

  @SideBySide
  @ResourceLock(value = PROCESSORS, mode = ResourceAccessMode.READ)
  @Test
  void interruptedInTheMiddleItLeavesNothing() throws Exception {
    List<String> scratchBefore = scratchFolders();
    Process process = start(demo("--pause", "60s"));
    while (!Files.readString(out()).contains("the guest's cable is pulled")) {
      assertThat(process.isAlive()).as("%s", Files.readString(err())).isTrue();
      Thread.sleep(20);
    }
    List<ProcessHandle> daemons = process.descendants().toList();
    assertThat(daemons).hasSizeGreaterThanOrEqualTo(2);
    Tool.run(List.of("kill", "-INT", String.valueOf(process.pid())));
    assertThat(end(process)).isEqualTo(130);
    nothingIsLeftOf(process);
    assertThat(daemons).noneMatch(ProcessHandle::isAlive);
    assertThat(scratchFolders()).isEqualTo(scratchBefore);
  }

  /** The demo as user nobody, where /dev/net/tun has this mode. */
  private List<String> asNobody(String mode, String... options) {
    String device = folder.resolve("tun").toString();
    String script =
        "mknod %s c 10 200 && chmod %s %s && mount --bind %s /dev/net/tun"
                .formatted(device, mode, device, device)
            + " && mount -t tmpfs -o mode=1777 tmpfs /tmp" // not everywhere may nobody write there
            + " && exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"";
    List<String> command = new ArrayList<>(List.of("unshare", "--mount", "sh", "-c", script, "sh"));
    command.addAll(demo(options));
    return command;
  }

  @SideBySide
  @ResourceLock(value = PROCESSORS, mode = ResourceAccessMode.READ)
  @Test
  void withoutRootItRunsInAUserNamespace() throws Exception {
    Process process = start(asNobody("666", "--json", "--pause", "500ms", "--connections", "8"));
    int status = end(process);
    String printed = Files.readString(out());
    String story = Files.readString(err());
    assertThat(status).as("%s%n%s", printed, story).isZero();
    assertThat(story).contains("without root, in a user namespace: the slow path");
    JsonNode json = JsonMapper.shared().readTree(printed);
    assertThat(json.get("rootless").asBoolean()).isTrue();
    assertThat(json.get("connections").get("survived").asInt()).isEqualTo(8);
  }

  @Test
  void withoutRootAndAUserNamespaceItSaysWhy() throws Exception {
    Process process = start(asNobody("600"));
    assertThat(end(process)).isEqualTo(4);
    assertThat(Files.readString(out())).isEmpty();
    assertThat(Files.readString(err()).lines())
        .hasSize(1)
        .first()
        .asString()
        .contains("sudo", "/dev/net/tun", "0666");
  }

  @Test
  void wrongOptionsAreUsageErrors() throws Exception {
    for (var wrong :
        Map.of(
                "--pause",
                "soon",
                "--encapsulation",
                "gre",
                "--hold",
                "forever",
                "--connections",
                "0")
            .entrySet()) {
      assertThat(end(start(demo(wrong.getKey(), wrong.getValue())))).isEqualTo(2);
      assertThat(Files.readString(err())).contains(wrong.getKey());
    }
  }
}
