package dev.holdfast.redirector.capturefile;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Several capture files as one, by time: of all the frames that are next in a file, the earliest.
 * What one file has is in its own order, also where its time runs backwards. Each open file takes
 * half a MiB.
 */
public final class MergedCaptures implements AutoCloseable {
  /** At once; a program that joins files of a ring buffer gives one for more. */
  public static final int MOST = 64;

  private final List<CaptureReader> readers = new ArrayList<>();
  private final boolean[] hasFrame;
  private int current = -1;
  private long frames;

  private MergedCaptures(int count) {
    hasFrame = new boolean[count];
  }

  /**
   * Opens the files, and reads the header of each.
   *
   * @param files 1 to {@link #MOST}
   * @throws IOException with a sentence: one is not there, or is no capture file
   */
  public static MergedCaptures open(List<Path> files) throws IOException {
    if (files.isEmpty() || files.size() > MOST) {
      throw new IllegalArgumentException(files.size() + " files are not 1 to " + MOST);
    }
    var merged = new MergedCaptures(files.size());
    try {
      for (Path file : files) {
        merged.readers.add(CaptureReader.open(file));
      }
      for (int i = 0; i < files.size(); i++) {
        merged.hasFrame[i] = merged.readers.get(i).next();
      }
      return merged;
    } catch (IOException | RuntimeException e) {
      merged.close();
      throw e;
    }
  }

  /**
   * Goes to the next frame.
   *
   * @return false when all files have ended
   * @throws IOException when a file cannot be read any more
   */
  public boolean next() throws IOException {
    if (current >= 0) {
      hasFrame[current] = readers.get(current).next();
    }
    current = -1;
    long earliest = 0;
    for (int i = 0; i < hasFrame.length; i++) {
      if (hasFrame[i]) {
        long time = readers.get(i).frame().epochNanos();
        if (current < 0 || time < earliest) {
          current = i;
          earliest = time;
        }
      }
    }
    if (current < 0) {
      return false;
    }
    frames++;
    return true;
  }

  /** The one that {@link #next} has gone to. */
  public Frame frame() {
    return readers.get(current).frame();
  }

  /** Which file that is of, from 0. */
  public int file() {
    return current;
  }

  /** How many frames have been given; the number of the present one. */
  public long frames() {
    return frames;
  }

  /** How many frames were captured before one that stands before them in their file. */
  public long backwards() {
    return readers.stream().mapToLong(CaptureReader::backwards).sum();
  }

  /** How far reading has come, in bytes of all files; of packed ones what is unpacked. */
  public long offset() {
    long sum = 0;
    for (CaptureReader each : readers) {
      sum += each.offset();
    }
    return sum;
  }

  /** Why reading of a file ended before the file did, for those where it did. */
  public List<CaptureReader.Problem> problems() {
    List<CaptureReader.Problem> problems = new ArrayList<>();
    for (CaptureReader each : readers) {
      CaptureReader.Problem problem = each.problem();
      if (problem != null) {
        problems.add(problem);
      }
    }
    return problems;
  }

  @Override
  public void close() throws IOException {
    for (CaptureReader each : readers) {
      each.close();
    }
  }
}
