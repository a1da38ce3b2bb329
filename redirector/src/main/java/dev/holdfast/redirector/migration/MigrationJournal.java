package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.dns.DnsState;
import dev.holdfast.redirector.steer.AppendFile;
import java.io.ByteArrayOutputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
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
  private static final Logger log = LoggerFactory.getLogger(MigrationJournal.class);
  private static final int COMPACT_ABOVE = 1 << 20;
  private static final int GROWN = 4;

  private final Path file;
  private final ObjectMapper json = JsonMapper.builder().build();
  private final Map<String, MigrationRecord> records = new LinkedHashMap<>();
  private AppendFile lines;
  private long length;
  private long shortest;
  private long written;
  private long synced;
  private boolean syncing;

  private MigrationJournal(Path file) throws IOException {
    this.file = file;
    load();
    dropEndedOfLong();
    replaceBy(shortened());
    this.lines = new AppendFile(file);
    syncFolder();
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

  /** Those of the record's DNS names that no later migration has made what they are now. */
  public List<String> newestNames(MigrationRecord record) {
    List<String> names = new ArrayList<>(record.dnsNames());
    for (MigrationRecord other : records()) {
      if (other.epoch() > record.epoch()) {
        names.removeAll(other.dnsNames());
      }
    }
    return List.copyOf(names);
  }

  /**
   * Strikes out those of {@code ids} of which nothing is needed any more, in this order.
   *
   * @return those that the journal does not have now
   */
  synchronized Set<String> forgetEnded(List<String> ids) {
    Set<String> gone = new LinkedHashSet<>();
    var text = new ByteArrayOutputStream();
    for (String id : ids) {
      MigrationRecord record = records.get(id);
      if (record != null && !mayBeForgotten(record)) {
        continue;
      }
      gone.add(id);
      if (records.remove(id) != null) {
        text.writeBytes(forgotten(id));
      }
    }
    if (text.size() > 0) {
      appendAndSync(text.toByteArray());
    }
    return gone;
  }

  /**
   * As long as an earlier one of the same name is known, a later one is, too: by it the earlier one
   * knows that the name is no longer its own.
   */
  private boolean mayBeForgotten(MigrationRecord record) {
    return record.isOver()
        && !hasNameToSettle(record)
        && records.values().stream()
            .noneMatch(other ->
                other.epoch() < record.epoch()
                    && !Collections.disjoint(record.dnsNames(), other.dnsNames()));
  }

  /** Whether a daemon would go on with the DNS of this one, which has ended. */
  private boolean hasNameToSettle(MigrationRecord record) {
    String dns = record.dns();
    if (dns == null) {
      return false;
    }
    List<String> own = newestNames(record);
    return DnsState.listFromJson(dns).stream()
        .anyMatch(each ->
            own.stream().anyMatch(each::isOf)
                && each.isOpen(record.state() == MigrationState.DONE));
  }

  /** Writes {@code record} and returns when it is on disk. */
  public void record(MigrationRecord record) {
    byte[] line = (json.writeValueAsString(record) + "\n").getBytes(StandardCharsets.UTF_8);
    MigrationRecord before = known(record.id());
    try {
      long mine = append(record, line);
      awaitSync(mine);
      compactIfGrown();
    } catch (IOException e) {
      putBack(record.id(), before);
      throw new UncheckedIOException(
          "cannot write the journal " + file + ": " + e.getMessage() + "; nothing was changed", e);
    }
  }

  /** Strikes a migration out that never came to be armed. */
  public synchronized void forget(String id) {
    records.remove(id);
    appendAndSync(forgotten(id));
  }

  private synchronized void appendAndSync(byte[] line) {
    try {
      lines.append(line);
      length += line.length;
      lines.sync();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write the journal " + file + ": " + e.getMessage(), e);
    }
    compactIfGrown();
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
            record(ended(record.entering(MigrationState.DRAINING, epochNanos), epochNanos));
        case DRAINING -> record(ended(record, epochNanos));
        case DONE, ROLLED_BACK -> {
          if (record.isStanding()) {
            record(record.unmapped(epochNanos));
          }
        }
      }
    }
  }

  private static MigrationRecord ended(MigrationRecord draining, long epochNanos) {
    MigrationRecord done = draining.entering(MigrationState.DONE, epochNanos);
    return done.isStanding() ? done.unmapped(epochNanos) : done;
  }

  private synchronized long append(MigrationRecord record, byte[] line) throws IOException {
    lines.append(line);
    length += line.length;
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
    byte[] bytes = Files.readAllBytes(file);
    int lineNumber = 0;
    for (int at = 0; at < bytes.length; ) {
      int newline = at;
      while (newline < bytes.length && bytes[newline] != '\n') {
        newline++;
      }
      if (newline == bytes.length) {
        return; // torn: never acknowledged
      }
      lineNumber++;
      ByteBuffer line = ByteBuffer.wrap(bytes, at, newline - at);
      at = newline + 1;
      try {
        // Strictly: a byte that is no UTF-8 would otherwise become part of a name.
        String text = StandardCharsets.UTF_8.newDecoder().decode(line).toString();
        JsonNode node = json.readTree(text);
        if (node.has("forgotten")) {
          records.remove(node.get("forgotten").asString());
          continue;
        }
        MigrationRecord record = whole(json.treeToValue(node, MigrationRecord.class));
        records.remove(record.id());
        records.put(record.id(), record);
      } catch (JacksonException | IllegalArgumentException | CharacterCodingException e) {
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
   * The record, of which nothing is missing that every version has written.
   *
   * @throws IllegalArgumentException where it is not such a record
   */
  private static MigrationRecord whole(@Nullable MigrationRecord record) {
    if (record == null
        || Stream.of(
                record.id(),
                record.name(),
                record.role(),
                record.state(),
                record.remote(),
                record.oldAddresses(),
                record.newAddresses(),
                record.from(),
                record.deliver(),
                record.oldLans(),
                record.encapsulation(),
                record.returnPath(),
                record.holdPolicy(),
                record.dnsAddresses(),
                record.token(),
                record.history())
            .anyMatch(Objects::isNull)) {
      throw new IllegalArgumentException("a field is missing");
    }
    UUID unused = record.uuid();
    return record;
  }

  /** Ended ones are kept while there is room. */
  private void dropEndedOfLong() throws IOException {
    if (Files.exists(file) && Files.size(file) > COMPACT_ABOVE) {
      List<MigrationRecord> over =
          records.values().stream()
              .filter(record -> record.isOver() && !hasNameToSettle(record))
              .toList();
      over.forEach(record -> records.remove(record.id()));
    }
  }

  /**
   * A daemon may run for years: the file is written anew where most of it is of the past. What was
   * recorded is on the disk before and after.
   */
  private synchronized void compactIfGrown() {
    if (length <= COMPACT_ABOVE || length < GROWN * shortest || syncing) {
      return; // whoever syncs does so with the file that is there
    }
    boolean interrupted = Thread.interrupted(); // it would close a channel, not end the work
    try {
      Path fresh = shortened();
      lines.close(); // if no file can be opened any more, nothing is recorded in one that is gone
      try {
        replaceBy(fresh);
      } finally {
        lines = new AppendFile(file);
      }
      synced = written;
      notifyAll();
      syncFolder();
      log.debug("{} has {} bytes now", file, length);
    } catch (IOException e) {
      log.warn("the journal {} could not be made shorter: {}", file, e.getMessage());
      shortest = length; // tried again when it has grown by as much
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** A file with one line for each migration, beside the one that is there. */
  private Path shortened() throws IOException {
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    StringBuilder text = new StringBuilder();
    for (MigrationRecord record : records.values()) {
      text.append(json.writeValueAsString(record)).append('\n');
    }
    try (var out = new FileOutputStream(fresh.toFile())) {
      out.write(text.toString().getBytes(StandardCharsets.UTF_8));
      out.getFD().sync();
    }
    return fresh;
  }

  private void replaceBy(Path fresh) throws IOException {
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    length = Files.size(file);
    shortest = length;
  }

  /** That the name is the new file's is on the disk, and so is what is appended to it. */
  private void syncFolder() throws IOException {
    Path folder = file.toAbsolutePath().getParent();
    if (folder != null) {
      try (FileChannel directory = FileChannel.open(folder, StandardOpenOption.READ)) {
        directory.force(true);
      }
    }
  }

  @Override
  public synchronized void close() throws IOException {
    lines.close();
  }
}
