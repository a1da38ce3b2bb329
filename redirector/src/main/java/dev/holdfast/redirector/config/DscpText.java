package dev.holdfast.redirector.config;

import dev.holdfast.tunnel.encap.OuterPolicy;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * A DSCP as people write it: {@code "copy"}, a number, or the name of a per-hop behaviour: {@code
 * CS0} to {@code CS7} (RFC 2474 section 4.2.2), {@code AF11} to {@code AF43} (RFC 2597 section 6),
 * {@code EF} (RFC 3246 section 2.7), {@code LE} (RFC 8622 section 4).
 */
final class DscpText {
  private static final String FORM =
      "write \"copy\", a number within 0..63, or a name such as \"CS1\", \"AF21\", \"EF\" or \"LE\"";
  private static final Map<String, Integer> NAMES = names();

  private DscpText() {}

  private static Map<String, Integer> names() {
    Map<String, Integer> names = new HashMap<>();
    for (int selector = 0; selector < 8; selector++) {
      names.put("CS" + selector, selector << 3);
    }
    for (int af = 1; af <= 4; af++) {
      for (int precedence = 1; precedence <= 3; precedence++) {
        names.put("AF" + af + precedence, af << 3 | precedence << 1);
      }
    }
    names.put("EF", 46);
    names.put("LE", 1);
    return names;
  }

  /**
   * @param value as the TOML parser gives it
   * @return 0 to 63, or {@link OuterPolicy#COPY}
   * @throws IllegalArgumentException with a sentence that shows the form
   */
  static int parse(Object value) {
    if (value instanceof Long number) {
      if (number < 0 || number > 63) {
        throw new IllegalArgumentException(number + " is not within 0..63; " + FORM);
      }
      return number.intValue();
    }
    if (!(value instanceof String text)) {
      throw new IllegalArgumentException("cannot be " + Values.kind(value) + "; " + FORM);
    }
    if (text.equals("copy")) {
      return OuterPolicy.COPY;
    }
    Integer known = NAMES.get(text.toUpperCase(Locale.ROOT));
    if (known == null) {
      throw new IllegalArgumentException("'" + text + "' is no DSCP; " + FORM);
    }
    return known;
  }
}
