package dev.holdfast.redirector.demo.lab;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * What was made, with how to take it away again; closing does that in reverse order, once.
 *
 * <p>Thread-safe, because a shutdown hook closes it while the main thread may be making the next
 * thing: making and closing exclude each other, and whoever comes after closing is refused.
 */
public final class Cleanup implements AutoCloseable {

  /** Something that is done or undone. */
  @FunctionalInterface
  public interface Step {
    void run() throws Exception;
  }

  /** The cleanup has been closed, because the program is ending. */
  public static final class Closed extends IllegalStateException {
    private static final long serialVersionUID = 1L;

    private Closed() {
      super("everything has been taken down already, because the program is ending");
    }
  }

  private record Entry(String what, Step undo) {}

  private final Deque<Entry> entries = new ArrayDeque<>();
  private final List<String> problems = new ArrayList<>();
  private boolean closed;

  /**
   * Makes something that is to be undone, even where making it fails half-way.
   *
   * @param what for the message when undoing fails: "namespace hf12-client"
   * @param undo must bear that the thing was never made
   * @throws Closed when this has been closed; nothing was made
   */
  public synchronized void make(String what, Step make, Step undo) throws Exception {
    if (closed) {
      throw new Closed();
    }
    entries.push(new Entry(what, undo));
    make.run();
  }

  /**
   * Takes over something that has been made; where this has been closed already, undoes it at once.
   *
   * @throws Closed when this has been closed
   */
  public synchronized void add(String what, Step undo) {
    entries.push(new Entry(what, undo));
    if (closed) {
      close();
      throw new Closed();
    }
  }

  /** What could not be undone, one sentence each; empty before {@link #close}. */
  public synchronized List<String> problems() {
    return List.copyOf(problems);
  }

  public synchronized boolean isClosed() {
    return closed;
  }

  /** Undoes everything, last first; goes on where a step fails. Safe to call twice. */
  @Override
  public synchronized void close() {
    closed = true;
    while (!entries.isEmpty()) {
      Entry entry = entries.pop();
      try {
        entry.undo().run();
      } catch (Exception e) {
        if (e instanceof InterruptedException) {
          Thread.currentThread().interrupt();
        }
        problems.add(entry.what() + " could not be taken down: " + e.getMessage());
      }
    }
  }
}
