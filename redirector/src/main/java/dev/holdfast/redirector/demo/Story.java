package dev.holdfast.redirector.demo;

import dev.holdfast.tunnel.time.SystemClock;
import java.io.PrintWriter;
import java.util.Locale;

/** Tells what happens, as it happens, to a person. */
public interface Story {
  /** Something happened: one line. */
  void tell(String line);

  /** How far something is that takes a while; the next call or line replaces it. */
  void progress(String line);

  /** Says nothing. */
  static Story silent() {
    return new Story() {
      @Override
      public void tell(String line) {}

      @Override
      public void progress(String line) {}
    };
  }

  /**
   * Writes lines with the seconds since the beginning.
   *
   * @param lines gets what was told
   * @param ticks gets progress, as lines that overwrite each other
   */
  static Story to(PrintWriter lines, PrintWriter ticks) {
    return new Told(lines, ticks);
  }

  /** The story for a terminal. */
  final class Told implements Story {
    private static final int WIDTH = 78;

    private final PrintWriter lines;
    private final PrintWriter ticks;
    private final long start = SystemClock.INSTANCE.nanoTime();
    private String last = "";

    private Told(PrintWriter lines, PrintWriter ticks) {
      this.lines = lines;
      this.ticks = ticks;
    }

    @Override
    public synchronized void tell(String line) {
      clearTick();
      double seconds = (SystemClock.INSTANCE.nanoTime() - start) / 1e9;
      lines.printf(Locale.ROOT, "%6.2f s  %s%n", seconds, line);
      lines.flush();
    }

    @Override
    public synchronized void progress(String line) {
      if (line.equals(last)) {
        return;
      }
      clearTick();
      last = line;
      ticks.print("          " + line);
      ticks.flush();
    }

    private void clearTick() {
      if (!last.isEmpty()) {
        ticks.print("\r" + " ".repeat(WIDTH) + "\r");
        ticks.flush();
        last = "";
      }
    }
  }
}
