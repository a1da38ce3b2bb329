package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.config.DurationText;
import java.time.Duration;
import picocli.CommandLine.ITypeConverter;

/** A length of time, as every option has it: {@code 12.5s}, {@code 250us}; a year at most. */
final class TimeOption implements ITypeConverter<Duration> {
  @Override
  public Duration convert(String value) {
    return OptionValues.said(() -> DurationText.parseFine(value));
  }
}
