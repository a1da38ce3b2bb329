package dev.holdfast.dns.real;

/**
 * A TSIG key as servers and the product's configuration have it.
 *
 * @param name with the final dot
 * @param algorithm such as hmac-sha256
 * @param base64 the secret
 */
public record SharedSecret(String name, String algorithm, String base64) {
  /** As a {@code key} clause, which BIND and the product read. */
  public String clause() {
    return "key \"%s\" { algorithm %s; secret \"%s\"; };\n".formatted(name, algorithm, base64);
  }

  /** Without the final dot, as PowerDNS keeps it. */
  String plainName() {
    return name.substring(0, name.length() - 1);
  }

  /** This key as one whose secret somebody has got wrong. */
  public SharedSecret withSecret(String other) {
    return new SharedSecret(name, algorithm, other);
  }
}
