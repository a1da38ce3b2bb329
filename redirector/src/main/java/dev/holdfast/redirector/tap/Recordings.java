package dev.holdfast.redirector.tap;

import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.path.PathTable;
import dev.holdfast.redirector.path.Tap;
import dev.holdfast.tunnel.packet.FilterProgram;
import dev.holdfast.tunnel.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The captures that run on a host. Any thread but the data loop's. */
public final class Recordings {
  private static final Logger log = LoggerFactory.getLogger(Recordings.class);

  /** Each has a thread and a buffer. */
  public static final int MOST = 4;

  private final PathTable paths;
  private final Consumer<Runnable> dataLoop;
  private final Clock clock;
  private final String program;
  private final String host;
  private final List<Recorder> running = new ArrayList<>();
  private long begun;

  /**
   * @param dataLoop runs a task on the data loop and waits for it
   * @param program for the files, such as "holdfast 0.1.0"
   * @param host this daemon's name
   */
  public Recordings(
      PathTable paths, Consumer<Runnable> dataLoop, Clock clock, String program, String host) {
    this.paths = paths;
    this.dataLoop = dataLoop;
    this.clock = clock;
    this.program = program;
    this.host = host;
  }

  /**
   * What is to be recorded.
   *
   * @param places at least one
   * @param migrations empty for all, and for packets of none
   * @param flows as {@code flow list} shows them; empty for all
   * @param filter over the inner packet; null for all
   * @param sample one of so many of what is left; 1 for all
   */
  public record Wanted(
      Set<Tap.Place> places,
      Set<UUID> migrations,
      List<String> flows,
      @Nullable FilterProgram filter,
      int sample) {}

  /**
   * Begins to record; what passes from when this returns is recorded.
   *
   * @param names of migrations, for the comments
   * @return null where {@link #MOST} run already
   * @throws IllegalArgumentException with a clause that says what is wrong with a flow
   */
  public synchronized @Nullable Feed begin(
      Wanted wanted, Limits limits, Function<UUID, String> names) {
    if (running.size() >= MOST) {
      return null;
    }
    Selection selection =
        new Selection(
            wanted.places,
            wanted.migrations,
            wanted.flows.stream().map(FlowTerm::parse).toList(),
            wanted.filter,
            wanted.sample);
    Ring ring = new Ring(limits.bufferBytes() & -8);
    Recording recording = new Recording(selection, ring, limits.snapLength(), clock);
    String id = Long.toString(++begun);
    Recorder made =
        new Recorder(id, recording, ring, limits, clock, program, host, names, this::detach);
    running.add(made);
    show();
    log.info("capture {} begins ({} run)", id, running.size());
    return made;
  }

  /** Ends a capture; false where none has that id. */
  public synchronized boolean end(String id) {
    for (Recorder each : running) {
      if (each.id().equals(id)) {
        each.end();
        return true;
      }
    }
    return false;
  }

  /** Ends them all. */
  public synchronized void endAll() {
    running.forEach(Recorder::end);
  }

  private synchronized void detach(Recorder gone) {
    if (running.remove(gone)) {
      show();
      log.info("capture {} has ended ({} run)", gone.id(), running.size());
    }
  }

  private void show() {
    List<Recording> recordings = running.stream().map(Recorder::recording).toList();
    try {
      dataLoop.accept(() -> paths.tap(recordings.isEmpty() ? null : path -> of(recordings, path)));
    } catch (RejectedExecutionException e) {
      log.debug("the daemon has stopped"); // and nothing passes any more
    }
  }

  private static @Nullable Tap of(List<Recording> recordings, @Nullable MigrationPath path) {
    UUID migration = path == null ? null : path.id();
    List<Recording> concerned =
        recordings.stream().filter(each -> each.selection().concerns(migration)).toList();
    return switch (concerned.size()) {
      case 0 -> null;
      case 1 -> concerned.getFirst();
      default -> new Fork(concerned);
    };
  }
}
