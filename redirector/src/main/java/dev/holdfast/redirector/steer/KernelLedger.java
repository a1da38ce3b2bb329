package dev.holdfast.redirector.steer;

import dev.holdfast.redirector.steer.KernelChange.Command;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Which changes of ours the kernel may have, kept in a file that survives this process.
 *
 * <p>A change is written down with its undo, and flushed to the disk, before it is made; it is
 * struck out after it was undone. So whatever moment a crash chooses, the file names everything
 * that may be applied, and undoing something that never was is no failure. The file is lines of
 * JSON, only ever appended to; a line that a crash tore is as if it had not been written, and the
 * change it announced was not made. With the last change the file goes.
 *
 * <p>An owner is a migration's id, or {@link #HOST} for what all of them share. Any thread may
 * call.
 */
public final class KernelLedger implements Closeable {
  /** Owner of what all migrations share: made with the first, taken back after the last. */
  public static final String HOST = "host";

  private record Entry(long number, String owner, KernelChange change) {}

  private final Path file;
  private final Kernel kernel;
  private final Map<Long, Entry> entries = new LinkedHashMap<>();
  private long lastNumber;
  private @Nullable AppendFile lines;

  private KernelLedger(Path file, Kernel kernel) {
    this.file = file;
    this.kernel = kernel;
  }

  /**
   * Reads what an earlier process may have left.
   *
   * @throws IOException when the file cannot be read, or is damaged other than at its end
   */
  public static KernelLedger open(Path file, Kernel kernel) throws IOException {
    KernelLedger ledger = new KernelLedger(file, kernel);
    if (Files.exists(file)) {
      ledger.read();
    }
    return ledger;
  }

  private void read() throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    int start = 0;
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] != '\n') {
        continue;
      }
      String line = new String(bytes, start, i - start, StandardCharsets.UTF_8);
      LedgerLine parsed = LedgerLine.parse(line, file);
      switch (parsed) {
        case LedgerLine.Applied applied -> {
          lastNumber = Math.max(lastNumber, applied.number());
          entries.put(
              applied.number(), new Entry(applied.number(), applied.owner(), applied.change()));
        }
        case LedgerLine.Undone undone -> entries.remove(undone.number());
      }
      start = i + 1;
    }
    if (start < bytes.length) {
      try (FileChannel torn = FileChannel.open(file, StandardOpenOption.WRITE)) {
        torn.truncate(start); // else the next line would be glued to the torn one
        torn.force(true);
      }
    }
  }

  /** Those who may have something applied, in the order in which they first did. */
  public synchronized Set<String> owners() {
    Set<String> owners = new LinkedHashSet<>();
    entries.values().forEach(entry -> owners.add(entry.owner()));
    return owners;
  }

  /** What {@code owner} may have applied, oldest first. */
  public synchronized List<KernelChange> changes(String owner) {
    return entries.values().stream()
        .filter(entry -> entry.owner().equals(owner))
        .map(Entry::change)
        .toList();
  }

  public void apply(String owner, KernelChange change) throws IOException {
    apply(owner, List.of(change));
  }

  /**
   * Writes all of them down, then makes them in order. What the owner has already is not made
   * again. After a failure the ledger names what may have been made: {@link #undo} takes it back.
   */
  public synchronized void apply(String owner, List<KernelChange> changes) throws IOException {
    List<KernelChange> known = changes(owner);
    List<KernelChange> fresh = changes.stream().filter(c -> !known.contains(c)).toList();
    if (fresh.isEmpty()) {
      return;
    }
    StringBuilder lines = new StringBuilder();
    List<Entry> added = new ArrayList<>();
    for (KernelChange change : fresh) {
      Entry entry = new Entry(++lastNumber, owner, change);
      added.add(entry);
      lines.append(new LedgerLine.Applied(entry.number(), owner, change).toJson()).append('\n');
    }
    append(lines.toString());
    added.forEach(entry -> entries.put(entry.number(), entry));
    kernel.runAll(fresh.stream().flatMap(change -> change.apply().stream()).toList());
  }

  /**
   * Makes what {@code owner} has once more, without writing anything down: after a restart, when
   * devices that went with the old process took their routes along.
   */
  public synchronized void reapply(String owner) throws IOException {
    kernel.runAll(changes(owner).stream().flatMap(change -> change.apply().stream()).toList());
  }

  /** The same, of these changes alone; what {@code owner} does not have is not made. */
  public synchronized void reapply(String owner, List<KernelChange> changes) throws IOException {
    List<KernelChange> known = changes(owner);
    List<KernelChange> had = changes.stream().filter(known::contains).toList();
    kernel.runAll(had.stream().flatMap(change -> change.apply().stream()).toList());
  }

  /**
   * Takes back what {@code owner} has, newest first, and goes on past failures.
   *
   * @return what could not be undone, a sentence each; it stays in the ledger
   */
  public synchronized List<String> undo(String owner) throws IOException {
    return undoWhere(entry -> entry.owner().equals(owner));
  }

  /** Takes everything back, newest first and {@link #HOST}'s last; see {@link #undo}. */
  public synchronized List<String> undoAll() throws IOException {
    List<String> failures = new ArrayList<>(undoWhere(entry -> !entry.owner().equals(HOST)));
    failures.addAll(undo(HOST));
    return failures;
  }

  private List<String> undoWhere(Predicate<Entry> chosen) throws IOException {
    List<String> failures = new ArrayList<>();
    StringBuilder lines = new StringBuilder();
    List<Entry> newestFirst = entries.values().stream().filter(chosen).toList().reversed();
    for (Entry entry : newestFirst) {
      String failure = undo(entry.change());
      if (failure.isEmpty()) {
        entries.remove(entry.number());
        lines.append(new LedgerLine.Undone(entry.number()).toJson()).append('\n');
      } else {
        failures.add(failure);
      }
    }
    if (entries.isEmpty()) {
      close();
      Files.deleteIfExists(file);
      syncFolder();
    } else if (!lines.isEmpty()) {
      append(lines.toString());
    }
    return failures;
  }

  /** Every command is tried, since a later one may work where an earlier one does not. */
  private String undo(KernelChange change) {
    String failure = "";
    for (Command command : change.undo()) {
      try {
        kernel.run(command);
      } catch (KernelRefusal refusal) {
        if (!refusal.isGone()) {
          failure = change.undoWhat() + ": " + refusal.getMessage();
        }
      } catch (IOException e) {
        failure = change.undoWhat() + ": " + e.getMessage();
      }
    }
    return failure;
  }

  private void append(String text) throws IOException {
    AppendFile open = lines;
    if (open == null) {
      boolean isNew = !Files.exists(file);
      open = new AppendFile(file);
      lines = open;
      if (isNew) {
        syncFolder();
      }
    }
    open.append(text.getBytes(StandardCharsets.UTF_8));
    open.sync();
  }

  /** A file's name is on the disk when its folder is. */
  private void syncFolder() throws IOException {
    Path folder = file.toAbsolutePath().getParent();
    if (folder != null) {
      try (FileChannel directory = FileChannel.open(folder, StandardOpenOption.READ)) {
        directory.force(true);
      }
    }
  }

  /** Closes the file; nothing is undone. */
  @Override
  public synchronized void close() throws IOException {
    AppendFile open = lines;
    lines = null;
    if (open != null) {
      open.close();
    }
  }
}
