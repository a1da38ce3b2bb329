package dev.holdfast.redirector.cli;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A file that a command is to write. What can be wrong with it is said before the work begins, in
 * the same words by every command: the work may take long.
 */
final class OutputFile {
  private OutputFile() {}

  /**
   * Finds out whether a file can be written.
   *
   * @param force whether it may be there already
   * @param inputs what is read meanwhile, and never written over
   * @throws CommandFailed wrong usage, with a sentence
   */
  static void check(Path file, boolean force, List<Path> inputs) throws CommandFailed {
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null || Files.isDirectory(file)) {
      throw CommandFailed.usage(file + " is a directory: give a file's name.");
    }
    if (!Files.isDirectory(folder)) {
      throw CommandFailed.usage("There is no directory " + folder + ".");
    }
    boolean exists = Files.exists(file);
    for (Path input : inputs) {
      if (exists && isSame(input, file)) {
        throw CommandFailed.usage(file + " is what is read: give another name.");
      }
    }
    if (exists && !force) {
      throw CommandFailed.usage(file + " exists already: give another name, or --force.");
    }
    if (!Files.isWritable(exists ? file : folder)) {
      throw CommandFailed.usage("No permission to write " + file + ".");
    }
    if (!exists) {
      tryFolder(folder);
    }
  }

  /** For whoever may everything, permissions do not say that nothing can be made there. */
  private static void tryFolder(Path folder) throws CommandFailed {
    try {
      Files.delete(Files.createTempFile(folder, ".holdfast", ".part"));
    } catch (FileSystemException e) {
      throw CommandFailed.usage(
          "No file can be made in %s%s."
              .formatted(folder, e.getReason() == null ? "" : ": " + e.getReason()));
    } catch (IOException e) {
      throw CommandFailed.usage("No file can be made in " + folder + ": " + e.getMessage() + ".");
    }
  }

  private static boolean isSame(Path input, Path file) {
    try {
      return Files.isSameFile(input, file);
    } catch (IOException e) {
      return false; // the input is not there, which is said where it is read
    }
  }

  /**
   * It cannot be written any more, as when the disk is full.
   *
   * @param file null for what is counted and not written
   */
  static CommandFailed failed(@Nullable Path file, IOException why) {
    return CommandFailed.failed(
        (file == null ? "What passes" : file) + " cannot be written: " + Failures.sentence(why));
  }
}
