package dev.holdfast.redirector.hook;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.config.Config.HookEvent;
import dev.holdfast.redirector.control.Json;
import dev.holdfast.redirector.migration.MigrationService.Event;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.redirector.migration.MigrationView.HookView;
import dev.holdfast.tunnel.time.SystemClock;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The user's hooks, as processes, with migrations that are only views. */
@Timeout(60)
class UserHooksTest {
  @TempDir private Path folder;
  private final List<UserHooks> open = new ArrayList<>();
  private final Known known = new Known();

  /** The migrations of a daemon that has nothing else. */
  private static final class Known implements UserHooks.Migrations {
    final Map<String, String> views = new ConcurrentHashMap<>();
    final List<HookView> runs = new CopyOnWriteArrayList<>();
    final List<String> told = new CopyOnWriteArrayList<>();

    /** It is in the last of {@code states}, and was in the others. */
    void put(String id, String name, String... states) {
      List<Map<String, Object>> history = new ArrayList<>();
      for (String state : states) {
        history.add(Map.of("state", state, "epochNanos", 1_000L + history.size()));
      }
      views.put(
          id,
          Json.line(
              Map.of(
                  "id", id, "name", name, "state", states[states.length - 1], "history", history)));
    }

    @Override
    public List<String> ids() {
      return List.copyOf(views.keySet());
    }

    @Override
    public UserHooks.@Nullable Course course(String id) {
      MigrationView view = look(id);
      return view == null ? null : new UserHooks.Course(view.name(), view.history());
    }

    @Override
    public @Nullable MigrationView look(String id) {
      String view = views.get(id);
      return view == null
          ? null
          : Json.read(view.getBytes(StandardCharsets.UTF_8), MigrationView.class);
    }

    @Override
    public void ran(String id, HookView run, String text) {
      synchronized (runs) {
        run.putInto(runs);
      }
      if (!text.isEmpty()) {
        told.add(text);
      }
    }

    boolean hasEnded(int count) {
      return runs.size() >= count && runs.stream().noneMatch(run -> run.result().equals("running"));
    }
  }

  @AfterEach
  void stop() throws IOException {
    for (UserHooks each : open) {
      each.close();
    }
  }

  private Path script(String name, String body) throws IOException {
    Path file = folder.resolve(name);
    Files.writeString(file, "#!/bin/sh\n" + body);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    return file;
  }

  private static Config.Hook hook(Path command, String migration, HookEvent... events) {
    return new Config.Hook(
        List.of(events), List.of(command.toString()), Duration.ofSeconds(20), migration);
  }

  private UserHooks start(Config.Hook... hooks) throws IOException {
    UserHooks started =
        new UserHooks(
            List.of(hooks),
            new Config.Daemon("host-a", folder.resolve("c.sock"), folder, folder, null),
            known,
            SystemClock.INSTANCE);
    open.add(started);
    started.begin();
    return started;
  }

  private static Event event(String type, String id, String text) {
    return new Event(7, type, id, "web1", "any", text);
  }

  private interface Condition {
    boolean holds() throws Exception;
  }

  private static void await(Condition condition) throws Exception {
    while (!condition.holds()) {
      Thread.sleep(5);
    }
  }

  @Test
  void aStateIsAnnouncedWithTheMigrationOnStandardInput() throws Exception {
    Path out = folder.resolve("out");
    Path command =
        script("tell", "cat > " + out + "\necho \"$HOLDFAST_EVENT of $HOLDFAST_MIGRATION\"\n");
    UserHooks hooks = start(hook(command, "*", HookEvent.ARMED, HookEvent.HOLDING));
    known.put("id-1", "web1", "armed");
    hooks.happened(event("state", "id-1", ""));
    await(() -> known.hasEnded(1));

    HookView run = known.runs.getFirst();
    assertThat(run.event()).isEqualTo("armed");
    assertThat(run.result()).isEqualTo("ok");
    assertThat(run.exitCode()).isZero();
    assertThat(run.output()).isEqualTo("armed of web1");
    assertThat(known.told).containsExactly("hook " + command + " for armed has ended well");
    JsonNode json = JsonMapper.shared().readTree(Files.readString(out));
    assertThat(json.path("schema").asString()).isEqualTo("holdfast.hook/1");
    assertThat(json.path("event").asString()).isEqualTo("armed");
    assertThat(json.path("epochNanos").asLong()).isEqualTo(1000);
    assertThat(json.path("text").asString()).isEqualTo("web1 is armed on host-a.");
    assertThat(json.path("migration").path("name").asString()).isEqualTo("web1");
  }

  @Test
  void onlyTheStatesAndNamesThatAreWanted() throws Exception {
    Path command = script("tell", "echo $HOLDFAST_MIGRATION\n");
    UserHooks hooks =
        start(
            hook(command, "web*", HookEvent.DONE),
            hook(command, "*.b", HookEvent.DONE),
            hook(command, "db?", HookEvent.DONE, HookEvent.ROLLED_BACK));
    known.put("id-1", "web1", "armed", "holding", "redirecting", "draining", "done");
    known.put("id-2", "db1", "armed", "rolled-back");
    known.put("id-3", "xxb", "armed", "done");
    known.put("id-4", "x.b", "done");
    for (int i = 1; i <= 4; i++) {
      hooks.happened(event("state", "id-" + i, ""));
    }
    await(() -> known.hasEnded(3));
    assertThat(known.runs).extracting(HookView::output).containsOnly("web1", "db1", "x.b");
  }

  /** Each in its order, though the first takes longest, and the events come late. */
  @Test
  void whatHappensToOneMigrationIsAnnouncedInOrder() throws Exception {
    Path out = folder.resolve("out");
    Path command =
        script(
            "tell",
            "[ $HOLDFAST_EVENT != armed ] || sleep 0.2\necho $HOLDFAST_EVENT >> " + out + "\n");
    UserHooks hooks = start(hook(command, "*", HookEvent.values()));
    known.put("id-1", "web1", "armed", "holding");
    hooks.happened(event("state", "id-1", ""));
    hooks.happened(event("alert", "id-1", "it takes long"));
    known.put("id-1", "web1", "armed", "holding", "redirecting");
    hooks.happened(event("state", "id-1", ""));
    hooks.happened(event("state", "id-1", "said twice"));
    await(() -> known.hasEnded(4));
    assertThat(Files.readAllLines(out))
        .containsSubsequence("armed", "holding", "redirecting")
        .contains("alert")
        .hasSize(4);
  }

  /** It has no say in what happens: nobody waits for it, and it ends with its children. */
  @Test
  void oneThatTakesTooLongIsEndedWithItsChildren() throws Exception {
    Path pids = folder.resolve("pids");
    Path command =
        script(
            "hang",
            "echo begun\n(sleep 300 & echo $! >> "
                + pids
                + ")\nsleep 300 &\necho $! >> "
                + pids
                + "\necho $$ >> "
                + pids
                + "\nwait\n");
    UserHooks hooks =
        start(
            new Config.Hook(
                List.of(HookEvent.ARMED),
                List.of(command.toString()),
                Duration.ofMillis(400),
                "*"));
    known.put("id-1", "web1", "armed");
    long before = System.nanoTime();
    hooks.happened(event("state", "id-1", ""));
    assertThat(System.nanoTime() - before).isLessThan(200_000_000L);
    await(() -> known.hasEnded(1));
    HookView run = known.runs.getFirst();
    assertThat(run.result()).isEqualTo("timed-out");
    assertThat(run.exitCode()).isNull();
    assertThat(run.output()).isEqualTo("begun");
    assertThat(Files.readAllLines(pids)).hasSize(3);
    for (String pid : Files.readAllLines(pids)) {
      await(() -> isGone(pid));
    }
  }

  /** A zombie is gone, too: whoever adopted it may be slow. */
  private static boolean isGone(String pid) throws IOException {
    Path stat = Path.of("/proc", pid, "stat");
    try {
      return Files.readString(stat).contains(") Z ");
    } catch (java.nio.file.NoSuchFileException e) {
      return true;
    }
  }

  @Test
  void failuresAreShownAndTold() throws Exception {
    Path command = script("fail", "echo first; echo 'no such\tticket' >&2; exit 3\n");
    UserHooks hooks =
        start(
            hook(command, "*", HookEvent.ARMED),
            hook(folder.resolve("missing"), "*", HookEvent.ARMED));
    known.put("id-1", "web1", "armed");
    hooks.happened(event("state", "id-1", ""));
    await(() -> known.hasEnded(2));
    assertThat(known.runs.getFirst().result()).isEqualTo("failed");
    assertThat(known.runs.getFirst().exitCode()).isEqualTo(3);
    assertThat(known.told.getFirst())
        .isEqualTo("hook " + command + " for armed has failed with status 3: no such\tticket");
    assertThat(known.runs.get(1).result()).isIn("failed", "not-started");
    assertThat(known.told.get(1)).contains("missing");
  }

  @Test
  void ofMuchOutputTheEndIsKept() throws Exception {
    Path command =
        script(
            "shout",
            "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo \"line $i 0123456789012345678901234\";"
                + " done; printf 'the\\033[31m end'\n");
    UserHooks hooks = start(hook(command, "*", HookEvent.ARMED));
    known.put("id-1", "web1", "armed");
    hooks.happened(event("state", "id-1", ""));
    await(() -> known.hasEnded(1));
    assertThat(known.runs.getFirst().output())
        .hasSizeBetween(3000, 4096)
        .endsWith("line 3000 0123456789012345678901234\nthe?[31m end");
  }

  /** A daemon that was killed has announced what it has, and the next one the rest. */
  @Test
  void noStateIsAnnouncedTwiceOrForgotten() throws Exception {
    Path command = script("tell", "echo $HOLDFAST_EVENT\n");
    known.put("id-0", "before", "armed", "holding"); // when there was no hook yet
    UserHooks first = start(hook(command, "*", HookEvent.values()));
    known.put("id-1", "web1", "armed");
    first.happened(event("state", "id-1", ""));
    await(() -> known.hasEnded(1));
    first.close();
    known.runs.clear();

    known.put("id-1", "web1", "armed", "holding", "redirecting");
    UserHooks second = start(hook(command, "*", HookEvent.values()));
    second.happened(event("state", "id-1", "taken over"));
    await(() -> known.hasEnded(3));
    assertThat(known.runs)
        .extracting(HookView::event)
        .containsExactly("armed", "holding", "redirecting"); // the first is what it came to before
    assertThat(known.told).hasSize(3);
  }

  @Test
  void whatRanWhenADaemonDiedIsUnknown() throws Exception {
    Path command = script("tell", "echo $HOLDFAST_EVENT\n");
    known.put("id-1", "web1", "armed");
    HookView begun = HookView.begun("armed", "/x", 5);
    try (Announced earlier = new Announced(folder.resolve("hooks.jsonl"), id -> true)) {
      assertThat(earlier.announce("id-1", "armed@1000")).isTrue();
      assertThat(earlier.announce("id-1", "armed@1000")).isFalse();
      earlier.ran("id-1", begun);
      earlier.ran("gone", begun);
    }
    Files.writeString(folder.resolve("hooks.jsonl"), "{\"migr", StandardOpenOption.APPEND); // torn
    UserHooks next = start(hook(command, "*", HookEvent.ARMED));
    next.happened(event("state", "id-1", ""));
    known.put("id-2", "web2", "armed");
    next.happened(event("state", "id-2", ""));
    await(() -> known.hasEnded(2));
    assertThat(known.runs).extracting(HookView::result).containsExactly("unknown", "ok");
    assertThat(Files.readString(folder.resolve("hooks.jsonl"))).doesNotContain("gone");
  }
}
