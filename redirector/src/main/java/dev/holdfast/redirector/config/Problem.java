package dev.holdfast.redirector.config;

/**
 * One mistake in a config file: where it is, what is wrong, and what would be right.
 *
 * @param line from 1; 0 when it concerns the file as a whole
 * @param column from 1, in characters; 0 when it concerns the file as a whole
 */
public record Problem(int line, int column, String message) {

  /** As compilers print it, so that editors find the place: {@code file:line:column: message}. */
  public String at(String file) {
    return line == 0 ? file + ": " + message : file + ":" + line + ":" + column + ": " + message;
  }
}
