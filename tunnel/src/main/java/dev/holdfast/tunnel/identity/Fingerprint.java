package dev.holdfast.tunnel.identity;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.cert.CertificateEncodingException;
import java.security.cert.X509Certificate;
import java.util.HexFormat;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * SHA-256 over the DER form of a certificate: what a host is known by.
 *
 * @param hex 64 lower-case hexadecimal digits, without prefix
 */
public record Fingerprint(String hex) {
  private static final Pattern DIGITS = Pattern.compile("[0-9a-f]{64}");
  private static final String PREFIX = "sha256:";

  public Fingerprint {
    if (!DIGITS.matcher(hex).matches()) {
      throw new IllegalArgumentException(
          "a fingerprint has 64 hexadecimal digits, unlike '" + hex + "'");
    }
  }

  public static Fingerprint of(X509Certificate certificate) {
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      return new Fingerprint(HexFormat.of().formatHex(sha256.digest(certificate.getEncoded())));
    } catch (CertificateEncodingException e) {
      throw new IllegalArgumentException("a certificate that has no DER form", e);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }

  /**
   * Reads the forms that people and tools write: with or without {@code sha256:}, upper or lower
   * case, colons between the bytes (as {@code openssl x509 -fingerprint} prints) or none.
   *
   * @throws IllegalArgumentException with a sentence, when it is none of them
   */
  public static Fingerprint parse(String text) {
    String digits = text.strip().toLowerCase(Locale.ROOT);
    if (digits.startsWith(PREFIX)) {
      digits = digits.substring(PREFIX.length());
    }
    digits = digits.replace(":", "");
    if (!DIGITS.matcher(digits).matches()) {
      throw new IllegalArgumentException(
          "'"
              + text
              + "' is not a certificate fingerprint: expected sha256: and 64 hexadecimal digits");
    }
    return new Fingerprint(digits);
  }

  /** As it stands in the configuration: {@code sha256:} and the digits. */
  @Override
  public String toString() {
    return PREFIX + hex;
  }
}
