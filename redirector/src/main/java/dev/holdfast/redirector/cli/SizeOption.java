package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.config.SizeText;
import picocli.CommandLine.ITypeConverter;

/** A number of bytes with its unit, as every option has it: {@code 64MiB}. */
final class SizeOption implements ITypeConverter<Long> {
  @Override
  public Long convert(String value) {
    return OptionValues.said(() -> SizeText.parse(value));
  }
}
