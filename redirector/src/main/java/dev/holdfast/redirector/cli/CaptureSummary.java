package dev.holdfast.redirector.cli;

import java.util.List;

/**
 * What a capture came to, as {@code capture --json} prints it. Fields are only ever added.
 *
 * @param schema "holdfast.capture/1"
 * @param ended complete (by its count or time), interrupted, reader-gone, unwritable,
 *     daemon-stopped or daemon-vanished
 * @param files the files that are there, oldest first; none for standard output
 * @param packets that were written, in all files
 * @param lost packets that were to be recorded and are in no file
 * @param bytes that were written, in all files
 * @param places each place at which packets were recorded
 */
record CaptureSummary(
    String schema,
    String ended,
    List<String> files,
    long packets,
    long lost,
    long bytes,
    List<PlaceSummary> places) {
  static final String SCHEMA = "holdfast.capture/1";

  /**
   * @param name of the interface in the capture, such as inner-in
   */
  record PlaceSummary(String name, long packets, long lost) {}
}
