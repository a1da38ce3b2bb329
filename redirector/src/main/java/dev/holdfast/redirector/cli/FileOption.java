package dev.holdfast.redirector.cli;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * A file's name. Names are bytes, and the virtual machine reads them in the character set of the
 * locale alone, whatever its properties say: one with other letters has become another name, or
 * none at all, before the program sees it.
 */
final class FileOption implements ITypeConverter<Path> {
  private static final char UNREADABLE = '\ufffd'; // what stands for bytes that are no letters

  @Override
  public Path convert(String value) {
    Path path = path(value);
    if (path == null) {
      throw new TypeConversionException("the " + clause(value));
    }
    return path;
  }

  /** Where the command reads the option's text itself. */
  static Path of(String value) throws CommandFailed {
    Path path = path(value);
    if (path == null) {
      throw CommandFailed.usage("The " + clause(value) + ".");
    }
    return path;
  }

  private static @Nullable Path path(String value) {
    try {
      Path path = Path.of(value);
      return value.indexOf(UNREADABLE) < 0 || Files.exists(path) ? path : null;
    } catch (InvalidPathException e) {
      return null;
    }
  }

  private static String clause(String value) {
    return "name '%s' cannot be read in the locale's character set, %s; set a locale that has its letters, such as LC_ALL=C.UTF-8, or rename the file"
        .formatted(value, System.getProperty("sun.jnu.encoding"));
  }
}
