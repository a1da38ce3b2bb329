package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.capturefile.FlowChoice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What commands that read captures have in common: options as values, and sizes. */
final class CaptureFiles {
  private CaptureFiles() {}

  static @Nullable FlowChoice flow(@Nullable String text) throws CommandFailed {
    return text == null ? null : OptionValues.value("--flow", text, FlowChoice::parse);
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
