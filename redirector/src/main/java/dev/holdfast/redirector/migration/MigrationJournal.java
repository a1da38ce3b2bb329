package dev.holdfast.redirector.migration;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.json.JsonMapper;

/**
 * The migrations of this host, one JSON line for each change, on disk before the change is made.
 *
 * <p>The last line of an id is what holds. A torn last line (the machine died while it was written)
 * is the change that was never begun, and is left out. Several threads may record at once: whoever
 * comes while a sync is under way shares the next one, so that a thousand holds cost a few syncs
 * and not a thousand.
 */
public final class MigrationJournal implements AutoCloseable {
  private static final int COMPACT_ABOVE = 1 << 20;

  private final Path file;
  private final ObjectMapper json = JsonMapper.builder().build();
  private final Map<String, MigrationRecord> records = new LinkedHashMap<>();
  private FileChannel channel;
  private long written;
  private long synced;
  private boolean syncing;

  private MigrationJournal(Path file) throws IOException {
    this.file = file;
    load();
    this.channel = compacted();
  }

  /**
   * Opens the journal in {@code stateDirectory}, which is made when missing.
   *
   * @throws IOException when the directory or file cannot be written, or a line that is not the
   *     last is unreadable
   */
  public static MigrationJournal open(Path stateDirectory) throws IOException {
    Files.createDirectories(stateDirectory);
    return new MigrationJournal(stateDirectory.resolve("migrations.jsonl"));
  }

  /** Every migration that the journal knows, oldest first. */
  public synchronized Collection<MigrationRecord> records() {
    return List.copyOf(records.values());
  }

  /** Writes {@code record} and returns when it is on disk. */
  public void record(MigrationRecord record) {
    byte[] line = (json.writeValueAsString(record) + "\n").getBytes(StandardCharsets.UTF_8);
    try {
      long mine = append(record, line);
      awaitSync(mine);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "cannot write the journal " + file + ": " + e.getMessage() + "; nothing was changed", e);
    }
  }

  /** Strikes a migration out that never came to be armed. */
  public synchronized void forget(String id) {
    records.remove(id);
    try {
      write(
          (json.writeValueAsString(Map.of("forgotten", id)) + "\n")
              .getBytes(StandardCharsets.UTF_8));
      channel.force(false);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write the journal " + file + ": " + e.getMessage(), e);
    }
  }

  /**
   * Strikes out every migration that has not ended, so that no daemon takes it over: its kernel
   * objects were undone.
   *
   * @return their names
   */
  public synchronized List<String> forgetLive() {
    List<MigrationRecord> live =
        records.values().stream().filter(record -> !record.state().isEnded()).toList();
    live.forEach(record -> forget(record.id()));
    return live.stream().map(MigrationRecord::name).toList();
  }

  private synchronized long append(MigrationRecord record, byte[] line) throws IOException {
    write(line);
    records.put(record.id(), record);
    return ++written;
  }

  /**
   * A line is there as a whole or not at all: on a full disk the next one must not follow a part.
   */
  private void write(byte[] line) throws IOException {
    long before = channel.size();
    ByteBuffer bytes = ByteBuffer.wrap(line);
    try {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    } catch (IOException e) {
      channel.truncate(before);
      throw e;
    }
  }

  private void awaitSync(long mine) throws IOException {
    FileChannel toSync;
    long upTo;
    synchronized (this) {
      while (syncing && synced < mine) {
        try {
          wait();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new IOException("interrupted while it was written", e);
        }
      }
      if (synced >= mine) {
        return;
      }
      syncing = true;
      toSync = channel;
      upTo = written;
    }
    try {
      toSync.force(false);
    } finally {
      synchronized (this) {
        syncing = false;
        synced = Math.max(synced, upTo);
        notifyAll();
      }
    }
  }

  private void load() throws IOException {
    if (!Files.exists(file)) {
      return;
    }
    String text = Files.readString(file, StandardCharsets.UTF_8);
    int lineNumber = 0;
    for (int at = 0; at < text.length(); ) {
      int newline = text.indexOf('\n', at);
      if (newline < 0) {
        return; // torn: never acknowledged
      }
      lineNumber++;
      String line = text.substring(at, newline);
      at = newline + 1;
      try {
        JsonNode node = json.readTree(line);
        if (node.has("forgotten")) {
          records.remove(node.get("forgotten").asString());
          continue;
        }
        MigrationRecord record = json.treeToValue(node, MigrationRecord.class);
        records.remove(record.id());
        records.put(record.id(), record);
      } catch (JacksonException e) {
        throw new IOException(
            file
                + " line "
                + lineNumber
                + " is not a journal line; move the file away to start without it",
            e);
      }
    }
  }

  /**
   * A journal with one line for each migration that still matters; ended ones are kept while there
   * is room.
   */
  private FileChannel compacted() throws IOException {
    boolean large = Files.exists(file) && Files.size(file) > COMPACT_ABOVE;
    if (large) {
      records.values().removeIf(record -> record.state().isEnded());
    }
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    StringBuilder lines = new StringBuilder();
    for (MigrationRecord record : records.values()) {
      lines.append(json.writeValueAsString(record)).append('\n');
    }
    Files.writeString(fresh, lines);
    try (FileChannel c = FileChannel.open(fresh, StandardOpenOption.WRITE)) {
      c.force(true);
    }
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    return FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.APPEND);
  }

  @Override
  public synchronized void close() throws IOException {
    channel.close();
  }
}
