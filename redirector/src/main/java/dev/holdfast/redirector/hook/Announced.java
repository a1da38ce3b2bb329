package dev.holdfast.redirector.hook;

import dev.holdfast.redirector.migration.MigrationView.HookView;
import dev.holdfast.redirector.steer.AppendFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Which states the user's hooks were told of, and what the hooks came to: a file of JSON lines, so
 * that the next daemon tells nobody twice.
 *
 * <p>It is written before a hook is started, but not forced to the disk: a daemon may die as it
 * likes, and only a machine that loses its power may tell a state a second time.
 */
final class Announced implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Announced.class);
  private static final JsonMapper JSON =
      JsonMapper.builder()
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .disable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .build();

  /**
   * A line.
   *
   * @param entry a state and when it was entered; null in a line that says how a hook ran
   */
  record Line(String migration, @Nullable String entry, @Nullable HookView run) {}

  private final Path file;
  private final boolean existed;
  private final Map<String, Set<String>> entries = new LinkedHashMap<>();
  private final Map<String, List<HookView>> runs = new LinkedHashMap<>();
  private @Nullable AppendFile lines;

  /**
   * @param isKnown whether a migration may still be shown; what is about others is dropped
   * @throws IOException when the file can be neither read nor written
   */
  Announced(Path file, Predicate<String> isKnown) throws IOException {
    this.file = file;
    this.existed = Files.exists(file);
    if (existed) {
      load(isKnown);
    }
    shorten();
    lines = new AppendFile(file);
  }

  private void load(Predicate<String> isKnown) throws IOException {
    for (String text : Files.readAllLines(file)) {
      try {
        Line line = JSON.readValue(text, Line.class);
        if (isKnown.test(line.migration())) {
          take(line);
        }
      } catch (JacksonException e) {
        log.warn("a line of {} is unreadable and is passed over", file); // torn by a crash
      }
    }
    // What had begun and not ended when the daemon did: it may have ended since, nobody knows how.
    runs.values().forEach(all -> all.replaceAll(HookView::orphaned));
  }

  private void take(Line line) {
    if (line.entry() != null) {
      entries.computeIfAbsent(line.migration(), id -> new HashSet<>()).add(line.entry());
    }
    if (line.run() != null) {
      line.run().putInto(runs.computeIfAbsent(line.migration(), id -> new ArrayList<>()));
    }
  }

  private void shorten() throws IOException {
    var text = new ByteArrayOutputStream();
    entries.forEach(
        (id, all) -> all.forEach(entry -> text.writeBytes(line(new Line(id, entry, null)))));
    runs.forEach((id, all) -> all.forEach(run -> text.writeBytes(line(new Line(id, null, run)))));
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    Files.write(fresh, text.toByteArray());
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private static byte[] line(Line line) {
    return (JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  /** Whether an earlier daemon had hooks: else what was entered before concerns nobody. */
  boolean existed() {
    return existed;
  }

  /** True for the first who says so. */
  synchronized boolean announce(String migration, String entry) {
    if (!entries.computeIfAbsent(migration, id -> new HashSet<>()).add(entry)) {
      return false;
    }
    append(new Line(migration, entry, null));
    return true;
  }

  /** How a hook runs, or ran. */
  synchronized void ran(String migration, HookView run) {
    append(new Line(migration, null, run));
  }

  /** What the hooks of an earlier daemon came to. */
  synchronized Map<String, List<HookView>> runs() {
    return runs;
  }

  private void append(Line line) {
    AppendFile open = lines;
    try {
      if (open != null) {
        open.append(line(line));
      }
    } catch (IOException e) {
      log.warn("{} cannot be written: {}; a hook may be run twice", file, e.getMessage());
    }
  }

  @Override
  public synchronized void close() throws IOException {
    AppendFile open = lines;
    lines = null;
    if (open != null) {
      open.close();
    }
  }
}
