package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.dns.DnsState;
import dev.holdfast.redirector.steer.AppendFile;
import java.io.IOException;
import java.io.UncheckedIOException;
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
import org.jspecify.annotations.Nullable;
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
  private AppendFile lines;
  private long written;
  private long synced;
  private boolean syncing;

  private MigrationJournal(Path file) throws IOException {
    this.file = file;
    load();
    this.lines = compacted();
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

  /** Whether no later migration has made of the record's DNS name what it is now. */
  public boolean isNewestOfName(MigrationRecord record) {
    return records().stream()
        .noneMatch(other ->
            other.epoch() > record.epoch()
                && other.dnsName() != null
                && other.dnsName().equals(record.dnsName()));
  }

  /** Whether a daemon would go on with the DNS of this one, which has ended. */
  private boolean hasNameToSettle(MigrationRecord record) {
    String dns = record.dns();
    return dns != null
        && isNewestOfName(record)
        && DnsState.fromJson(dns).isOpen(record.state() == MigrationState.DONE);
  }

  /** Writes {@code record} and returns when it is on disk. */
  public void record(MigrationRecord record) {
    byte[] line = (json.writeValueAsString(record) + "\n").getBytes(StandardCharsets.UTF_8);
    MigrationRecord before = known(record.id());
    try {
      long mine = append(record, line);
      awaitSync(mine);
    } catch (IOException e) {
      putBack(record.id(), before);
      throw new UncheckedIOException(
          "cannot write the journal " + file + ": " + e.getMessage() + "; nothing was changed", e);
    }
  }

  /** Strikes a migration out that never came to be armed. */
  public synchronized void forget(String id) {
    records.remove(id);
    try {
      lines.append(forgotten(id));
      lines.sync();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write the journal " + file + ": " + e.getMessage(), e);
    }
  }

  private byte[] forgotten(String id) {
    return (json.writeValueAsString(Map.of("forgotten", id)) + "\n")
        .getBytes(StandardCharsets.UTF_8);
  }

  private synchronized @Nullable MigrationRecord known(String id) {
    return records.get(id);
  }

  /** What could not be brought to the disk is not so; the file says that too, if it can. */
  private synchronized void putBack(String id, @Nullable MigrationRecord before) {
    try {
      if (before == null) {
        records.remove(id);
        lines.append(forgotten(id));
      } else {
        records.put(id, before);
        lines.append((json.writeValueAsString(before) + "\n").getBytes(StandardCharsets.UTF_8));
      }
    } catch (IOException e) {
      // A disk that takes nothing has not taken the change either.
    }
  }

  /**
   * Ends every migration that has not ended, so that no daemon takes it over: its kernel objects
   * were undone. One whose guest has gone is done, another rolled back.
   */
  public void endLive(long epochNanos) {
    for (MigrationRecord record : records()) {
      switch (record.state()) {
        case PLANNED -> {
          // One that died while it lowered a TTL is put in order by whoever takes over.
          if (record.dns() == null) {
            forget(record.id());
          }
        }
        case ARMED, HOLDING -> record(record.entering(MigrationState.ROLLED_BACK, epochNanos));
        case REDIRECTING ->
            record(
                record
                    .entering(MigrationState.DRAINING, epochNanos)
                    .entering(MigrationState.DONE, epochNanos));
        case DRAINING -> record(record.entering(MigrationState.DONE, epochNanos));
        case DONE, ROLLED_BACK -> {}
      }
    }
  }

  private synchronized long append(MigrationRecord record, byte[] line) throws IOException {
    lines.append(line);
    records.put(record.id(), record);
    return ++written;
  }

  private void awaitSync(long mine) throws IOException {
    AppendFile toSync;
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
      toSync = lines;
      upTo = written;
    }
    boolean done = false;
    try {
      toSync.sync();
      done = true;
    } finally {
      synchronized (this) {
        syncing = false;
        synced = done ? Math.max(synced, upTo) : synced; // else whoever waits tries itself
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
  private AppendFile compacted() throws IOException {
    boolean large = Files.exists(file) && Files.size(file) > COMPACT_ABOVE;
    if (large) {
      List<MigrationRecord> over =
          records.values().stream()
              .filter(record -> record.state().isEnded() && !hasNameToSettle(record))
              .toList();
      over.forEach(record -> records.remove(record.id()));
    }
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    StringBuilder text = new StringBuilder();
    for (MigrationRecord record : records.values()) {
      text.append(json.writeValueAsString(record)).append('\n');
    }
    Files.writeString(fresh, text);
    try (FileChannel c = FileChannel.open(fresh, StandardOpenOption.WRITE)) {
      c.force(true);
    }
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    return new AppendFile(file);
  }

  @Override
  public synchronized void close() throws IOException {
    lines.close();
  }
}
