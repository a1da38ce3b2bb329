package dev.holdfast.redirector.replay.report;

import dev.holdfast.redirector.replay.report.Expectation.Limits;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.tomlj.Toml;
import org.tomlj.TomlArray;
import org.tomlj.TomlParseError;
import org.tomlj.TomlParseResult;
import org.tomlj.TomlPosition;
import org.tomlj.TomlTable;

/**
 * Reads limits, as {@link Expectation} has them. Whatever is wrong is told with file, line and
 * column: somebody wrote it by hand.
 */
final class LimitsFile {
  private static final List<String> VERDICTS =
      List.of("survived", "stalled", "reset", "corrupted", "not-replayed");
  private static final Set<String> OTHERS =
      Set.of(
          "moved",
          "replayed-packets",
          "recovery-p99-ms",
          "longest-wait-ms",
          "retransmissions",
          "lost-datagrams",
          "sha256",
          "damaged",
          "flows");

  private final Path file;
  private final TomlTable table;

  private LimitsFile(Path file, TomlTable table) {
    this.file = file;
    this.table = table;
  }

  /**
   * Reads a file.
   *
   * @throws IOException with a sentence
   */
  static Limits read(Path file) throws IOException {
    if (!Files.exists(file)) {
      throw new IOException("There is no file " + file + ".");
    }
    if (Files.isDirectory(file)) {
      throw new IOException(file + " is a directory: give a file's name.");
    }
    TomlParseResult toml;
    try {
      toml = Toml.parse(file);
    } catch (CharacterCodingException e) {
      throw new IOException(file + " is no text in UTF-8.", e);
    }
    if (toml.hasErrors()) {
      TomlParseError error = toml.errors().getFirst();
      throw new IOException(at(file, error.position()) + error.getMessage());
    }
    return new LimitsFile(file, toml).limits();
  }

  private static String at(Path file, @Nullable TomlPosition position) {
    return position == null
        ? file + ": "
        : "%s:%d:%d: ".formatted(file, position.line(), position.column());
  }

  private Limits limits() throws IOException {
    for (String key : table.keySet()) {
      if (!VERDICTS.contains(key) && !OTHERS.contains(key)) {
        Set<String> known = new TreeSet<>(VERDICTS);
        known.addAll(OTHERS);
        throw wrong(
            List.of(key),
            "'%s' is no limit; there are %s".formatted(key, String.join(", ", known)));
      }
    }
    Map<String, Long> verdicts = new LinkedHashMap<>();
    for (String verdict : VERDICTS) {
      Long count = count(verdict);
      if (count != null) {
        verdicts.put(verdict, count);
      }
    }
    return new Limits(
        truth("moved"),
        verdicts,
        share("replayed-packets"),
        number("recovery-p99-ms"),
        number("longest-wait-ms"),
        count("retransmissions"),
        count("lost-datagrams"),
        Boolean.TRUE.equals(truth("damaged")),
        sha256(),
        flows());
  }

  private @Nullable Boolean truth(String key) throws IOException {
    Object value = table.get(List.of(key));
    if (value == null || value instanceof Boolean) {
      return (Boolean) value;
    }
    throw isToBe(key, "true or false", value);
  }

  private @Nullable Long count(String key) throws IOException {
    Object value = table.get(List.of(key));
    if (value == null || (value instanceof Long number && number >= 0)) {
      return (Long) value;
    }
    throw isToBe(key, "a whole number, 0 or more", value);
  }

  private @Nullable Number number(String key) throws IOException {
    Object value = table.get(List.of(key));
    if (value == null) {
      return null;
    }
    if (value instanceof Number number
        && number.doubleValue() >= 0
        && Double.isFinite(number.doubleValue())) {
      return number;
    }
    throw isToBe(key, "a number, 0 or more", value);
  }

  private @Nullable Number share(String key) throws IOException {
    Object value = table.get(List.of(key));
    if (value == null) {
      return null;
    }
    if (value instanceof Number number && number.doubleValue() >= 0 && number.doubleValue() <= 1) {
      return number;
    }
    throw isToBe(key, "a share, a number from 0 to 1", value);
  }

  private @Nullable String sha256() throws IOException {
    Object value = table.get(List.of("sha256"));
    if (value == null) {
      return null;
    }
    if (value instanceof String text && text.matches("[0-9a-fA-F]{64}")) {
      return text.toLowerCase(Locale.ROOT);
    }
    throw isToBe("sha256", "a text of 64 hexadecimal digits", value);
  }

  private @Nullable Map<String, String> flows() throws IOException {
    Object value = table.get(List.of("flows"));
    if (value == null) {
      return null;
    }
    if (!(value instanceof TomlTable flows)) {
      throw isToBe("flows", "a table, [flows]", value);
    }
    Map<String, String> verdicts = new TreeMap<>();
    for (String name : flows.keySet()) {
      Object verdict = flows.get(List.of(name));
      if (!(verdict instanceof String text) || !VERDICTS.contains(text)) {
        throw wrong(
            List.of("flows", name),
            "the verdict of '%s' is to be one of %s, not %s"
                .formatted(name, String.join(", ", VERDICTS), said(verdict)));
      }
      verdicts.put(name, text);
    }
    return verdicts;
  }

  private IOException isToBe(String key, String what, Object value) {
    return wrong(List.of(key), "'%s' is to be %s, not %s".formatted(key, what, said(value)));
  }

  private IOException wrong(List<String> path, String what) {
    return new IOException(at(file, table.inputPositionOf(path)) + what + ".");
  }

  /** A value in the words of whoever wrote it. */
  private static String said(@Nullable Object value) {
    return switch (value) {
      case String text -> "the text '" + text + "'";
      case Number number -> number.toString();
      case Boolean truth -> truth.toString();
      case TomlArray array -> "a list";
      case TomlTable within -> "a table";
      case null, default -> "a date or time";
    };
  }
}
