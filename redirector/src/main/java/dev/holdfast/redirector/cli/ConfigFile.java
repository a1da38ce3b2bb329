package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.config.ConfigException;
import dev.holdfast.redirector.config.ConfigReader;
import dev.holdfast.redirector.config.Problem;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** {@code --config FILE}, where a command reads the daemon's config itself. */
final class ConfigFile {
  static final String STANDARD = "/etc/holdfast/holdfast.toml";

  @Option(
      names = "--config",
      paramLabel = "FILE",
      defaultValue = STANDARD,
      description = "The daemon's config. Default: ${DEFAULT-VALUE}")
  private Path file = Path.of(STANDARD);

  Path file() {
    return file;
  }

  Config read() throws ConfigException {
    return ConfigReader.read(file);
  }

  /** Reads it and says what is worth knowing about it. */
  Config read(Verb verb) throws ConfigException {
    ConfigReader.Reading reading = ConfigReader.readWithNotes(file);
    for (Problem note : reading.notes()) {
      verb.remark(note.at(file.toString()));
    }
    return reading.config();
  }
}
