package dev.holdfast.redirector.cli;

import java.util.function.Function;
import java.util.function.Supplier;
import picocli.CommandLine.TypeConversionException;

/** What options have in common: a value that cannot be read is wrong usage, told in a sentence. */
final class OptionValues {
  private OptionValues() {}

  /** Within a converter, where picocli names the option. */
  static <T> T said(Supplier<T> conversion) {
    try {
      return conversion.get();
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(String.valueOf(e.getMessage()));
    }
  }

  /** Where the command reads the option's text itself. */
  static <T> T value(String option, String text, Function<String, T> parse) throws CommandFailed {
    try {
      return parse.apply(text);
    } catch (IllegalArgumentException e) {
      throw CommandFailed.usage(option + ": " + e.getMessage() + ".");
    }
  }
}
