package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.capturefile.CapturePoint;
import dev.holdfast.redirector.capturefile.FlowChoice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** What commands that read captures have in common: options as values, and sizes. */
final class CaptureFiles {
  private CaptureFiles() {}

  static @Nullable FlowChoice flow(@Nullable String text) throws CommandFailed {
    return text == null ? null : value("--flow", text, FlowChoice::parse);
  }

  static @Nullable CapturePoint point(String option, @Nullable String text) throws CommandFailed {
    return text == null ? null : value(option, text, CapturePoint::parse);
  }

  /** What an option's text stands for; one that cannot be read is wrong usage. */
  static <T> T value(String option, String text, Function<String, T> parse) throws CommandFailed {
    try {
      return parse.apply(text);
    } catch (IllegalArgumentException e) {
      throw CommandFailed.usage(option + ": " + e.getMessage() + ".");
    }
  }

  /** Bytes of all files; 0 where one is packed, so that nobody knows what will be read. */
  static long size(List<Path> files) throws IOException {
    long sum = 0;
    for (Path file : files) {
      if (file.toString().toLowerCase(Locale.ROOT).endsWith(".gz") || !Files.isRegularFile(file)) {
        return 0;
      }
      sum += Files.size(file);
    }
    return sum;
  }
}
