package dev.holdfast.redirector.control;

import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Records as JSON, in the order of their declaration.
 *
 * <p>Answers only ever gain fields, so whoever reads one passes over what it does not know. A
 * request is read strictly: a misspelt field that is passed over would be a wish that is ignored.
 */
public final class Json {
  private static final JsonMapper LENIENT =
      JsonMapper.builder()
          .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
          .disable(MapperFeature.SORT_CREATOR_PROPERTIES_FIRST)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .disable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .build();

  private Json() {}

  /** One line, without a line end. */
  public static String line(Object value) {
    return LENIENT.writeValueAsString(value);
  }

  /** Indented, for people and for standard output. */
  public static String pretty(Object value) {
    return LENIENT.writer().with(SerializationFeature.INDENT_OUTPUT).writeValueAsString(value);
  }

  /**
   * Reads an answer.
   *
   * @throws JacksonException when it is no JSON of that shape
   */
  public static <T> T read(byte[] json, Class<T> type) {
    return LENIENT.readValue(json, type);
  }

  /**
   * Reads a request.
   *
   * @throws JacksonException also when a field is unknown, or a value stands behind the object
   */
  static <T> T readStrictly(byte[] json, Class<T> type) {
    return LENIENT
        .readerFor(type)
        .with(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
        .with(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
        .readValue(json);
  }
}
