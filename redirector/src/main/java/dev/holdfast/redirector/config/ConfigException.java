package dev.holdfast.redirector.config;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;

/** A config file that cannot be used. The message has one line for each mistake in it. */
public final class ConfigException extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient Path file;
  private final transient List<Problem> problems;

  public ConfigException(Path file, List<Problem> problems) {
    super(
        problems.stream()
            .map(problem -> problem.at(file.toString()))
            .collect(Collectors.joining("\n")));
    this.file = file;
    this.problems = List.copyOf(problems);
  }

  public Path file() {
    return file;
  }

  /** In the order of their place in the file. */
  public List<Problem> problems() {
    return problems;
  }
}
