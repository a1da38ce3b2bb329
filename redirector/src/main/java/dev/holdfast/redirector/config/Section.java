package dev.holdfast.redirector.config;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.tomlj.TomlArray;
import org.tomlj.TomlPosition;
import org.tomlj.TomlTable;

/**
 * One table of the file while it is read: gives its values checked, and knows in the end which keys
 * nobody asked for.
 *
 * <p>A mistake never ends the reading. It is noted, and the default (or null, where there is none)
 * stands in, so that the mistakes behind it are found in the same run.
 */
final class Section {
  private final Mistakes mistakes;
  private final String title;
  private final TomlTable table;
  private final TomlPosition position;
  private final TreeSet<String> known = new TreeSet<>();

  /**
   * @param title as the file writes it: {@code [tunnel]} or {@code [[remote]]}
   * @param position of its header
   */
  Section(Mistakes mistakes, String title, TomlTable table, TomlPosition position) {
    this.mistakes = mistakes;
    this.title = title;
    this.table = table;
    this.position = position;
  }

  /** The value of a key that must be there; null after a mistake. */
  <T> @Nullable T required(String key, Function<Object, T> check) {
    known.add(key);
    Object value = table.get(List.of(key));
    if (value == null) {
      mistakes.missing(position, title + " has no " + key + ", which is required");
      return null;
    }
    return checked(key, value, check);
  }

  /** The value of a key, or {@code fallback} where it is left out or wrong. */
  <T> T optional(String key, T fallback, Function<Object, T> check) {
    T value = optional(key, check);
    return value == null ? fallback : value;
  }

  /** The value of a key, or null where it is left out or wrong. */
  <T> @Nullable T optional(String key, Function<Object, T> check) {
    known.add(key);
    Object value = table.get(List.of(key));
    return value == null ? null : checked(key, value, check);
  }

  /** As {@link #optional(String, Function)}; "" says the same as leaving it out. */
  <T> @Nullable T optionalText(String key, Function<Object, T> check) {
    if ("".equals(table.get(List.of(key)))) {
      known.add(key);
      return null;
    }
    return optional(key, check);
  }

  /** Elements of an array that must be there and not be empty; wrong ones are left out. */
  <T> List<T> requiredList(String key, Function<Object, T> check) {
    return required(key, check, false);
  }

  /** The same, but an element may be there twice. */
  <T> List<T> requiredWords(String key, Function<Object, T> check) {
    return required(key, check, true);
  }

  private <T> List<T> required(String key, Function<Object, T> check, boolean twice) {
    known.add(key);
    Object value = table.get(List.of(key));
    List<T> elements = new ArrayList<>();
    if (value == null) {
      mistakes.missing(position, title + " has no " + key + ", which is required");
    } else if (!(value instanceof TomlArray array)) {
      wrong(key, "must be an array such as [\"...\", \"...\"], not " + Values.kind(value));
    } else if (array.isEmpty()) {
      wrong(key, "must not be empty");
    } else {
      for (int i = 0; i < array.size(); i++) {
        try {
          T element = check.apply(array.get(i));
          if (!twice && elements.contains(element)) {
            throw new IllegalArgumentException(array.get(i) + " is there twice");
          }
          elements.add(element);
        } catch (IllegalArgumentException e) {
          mistakes.at(array.inputPositionOf(i), title + " " + key + ": " + e.getMessage());
        }
      }
    }
    return elements;
  }

  /** Notes that a key's value is wrong. */
  void wrong(String key, String message) {
    mistakes.at(positionOf(key), title + " " + key + ": " + message);
  }

  /** Where a key stands; the header where it does not. */
  TomlPosition positionOf(String key) {
    TomlPosition at = table.inputPositionOf(List.of(key));
    return at == null ? position : at;
  }

  boolean has(String key) {
    return table.get(List.of(key)) != null;
  }

  /** Notes every key that was not asked for. */
  void refuseTheRest() {
    for (String key : table.keySet()) {
      if (!known.contains(key)) {
        mistakes.at(
            positionOf(key), title + " has no key '" + key + "'" + Mistakes.didYouMean(key, known));
      }
    }
  }

  private <T> @Nullable T checked(String key, Object value, Function<Object, T> check) {
    try {
      return check.apply(value);
    } catch (IllegalArgumentException e) {
      wrong(key, String.valueOf(e.getMessage()));
      return null;
    }
  }
}
