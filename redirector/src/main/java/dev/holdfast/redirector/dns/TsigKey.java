package dev.holdfast.redirector.dns;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.dns.DnsException.Kind;
import dev.holdfast.tunnel.time.Clock;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;
import org.xbill.DNS.Name;
import org.xbill.DNS.TSIG;

/**
 * A shared key that signs DNS messages (TSIG, RFC 8945). Its text form never shows the secret.
 *
 * <p>Only hmac-sha256 and longer: section 6 of the RFC keeps MD5 and SHA-1 for old systems alone.
 */
public final class TsigKey {
  /** The algorithms that are taken, as configuration files spell them. */
  public static final List<String> ALGORITHMS =
      List.of("hmac-sha256", "hmac-sha384", "hmac-sha512");

  private final Name name;
  private final String algorithm;
  private final SecretKey secret;

  private TsigKey(Name name, String algorithm, SecretKey secret) {
    this.name = name;
    this.algorithm = algorithm;
    this.secret = secret;
  }

  /**
   * Makes a key.
   *
   * @param name with or without the final dot
   * @param algorithm one of {@link #ALGORITHMS}
   * @param base64 the secret
   * @throws DnsException when one of them is not usable
   */
  public static TsigKey of(String name, String algorithm, String base64) throws DnsException {
    byte[] secret;
    try {
      secret = Base64.getDecoder().decode(base64.strip());
    } catch (IllegalArgumentException e) {
      throw new DnsException(
          Kind.CONFIGURATION, "The secret of key " + name + " is not base64.", e);
    }
    return of(name, algorithm, secret);
  }

  /** Like {@link #of(String, String, String)} with the secret's bytes. */
  public static TsigKey of(String name, String algorithm, byte[] secret) throws DnsException {
    String wanted = algorithm.toLowerCase(Locale.ROOT);
    if (!ALGORITHMS.contains(wanted)) {
      throw new DnsException(
          Kind.CONFIGURATION,
          "The algorithm '%s' of key %s is not one of %s."
              .formatted(algorithm, name, String.join(", ", ALGORITHMS)));
    }
    if (secret.length == 0) {
      throw new DnsException(Kind.CONFIGURATION, "The secret of key " + name + " is empty.");
    }
    return new TsigKey(
        DnsNames.absolute(name), wanted, new SecretKeySpec(secret, "Hmac" + wanted.substring(5)));
  }

  /**
   * The key of a {@code [[dns]]} table, its secret read from the file.
   *
   * @throws DnsException when the file cannot be read, is malformed, or names another key
   */
  public static TsigKey load(Config.DnsZone zone) throws DnsException {
    return KeyFile.read(zone.keySecretFile()).keyFor(zone);
  }

  /** Absolute, with the final dot. */
  public String name() {
    return name.toString();
  }

  public String algorithm() {
    return algorithm;
  }

  /** dnsjava's signer of this key; it signs and checks at {@code clock}'s wall time. */
  public TSIG signer(Clock clock) {
    return new TSIG(TSIG.algorithmToName(algorithm), name, secret, new WallClock(clock));
  }

  @Override
  public String toString() {
    return name + " (" + algorithm + ")";
  }
}
