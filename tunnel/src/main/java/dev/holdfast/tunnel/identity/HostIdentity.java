package dev.holdfast.tunnel.identity;

import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.regex.Pattern;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.CertIOException;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.jspecify.annotations.Nullable;

/**
 * This host's certificate and the key to it.
 *
 * <p>The certificate is self-signed: the other host pins its fingerprint, so there is no authority
 * that could be asked or fooled.
 */
public final class HostIdentity {
  /** Hosts' clocks differ by a little: a fresh certificate must not look unborn to the other. */
  private static final Duration BORN_EARLIER = Duration.ofMinutes(10);

  private static final Duration SOON = Duration.ofDays(30);

  /** X.520 bounds a common name at 64 characters. */
  private static final Pattern HOST_NAME = Pattern.compile("[A-Za-z0-9]([A-Za-z0-9._-]{0,63})");

  private final String hostName;
  private final X509Certificate certificate;
  private final PrivateKey key;
  private final List<String> warnings;

  HostIdentity(
      String hostName, X509Certificate certificate, PrivateKey key, List<String> warnings) {
    this.hostName = hostName;
    this.certificate = certificate;
    this.key = key;
    this.warnings = List.copyOf(warnings);
  }

  /**
   * Makes a key (EC P-256) and a self-signed certificate for it.
   *
   * @param validity from now on; the certificate's own beginning lies ten minutes earlier
   * @throws IllegalArgumentException when {@code hostName} cannot stand in a certificate
   */
  public static HostIdentity create(
      String hostName, Duration validity, Clock clock, SecureRandom random) {
    if (!HOST_NAME.matcher(hostName).matches()) {
      throw new IllegalArgumentException(
          "'"
              + hostName
              + "' cannot be a host name: letters, digits, dots, hyphens and underscores, at most"
              + " 64");
    }
    if (!validity.isPositive()) {
      throw new IllegalArgumentException("a certificate must be valid for some time");
    }
    Instant now = now(clock).truncatedTo(ChronoUnit.SECONDS);
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(new ECGenParameterSpec("secp256r1"), random);
      KeyPair pair = generator.generateKeyPair();
      X500Name name = new X500NameBuilder().addRDN(BCStyle.CN, hostName).build();
      X509v3CertificateBuilder builder =
          new JcaX509v3CertificateBuilder(
              name,
              new BigInteger(127, random).setBit(126),
              Date.from(now.minus(BORN_EARLIER)),
              Date.from(now.plus(validity)),
              name,
              pair.getPublic());
      builder
          .addExtension(Extension.basicConstraints, true, new BasicConstraints(false))
          .addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature))
          .addExtension(
              Extension.extendedKeyUsage,
              false,
              new ExtendedKeyUsage(
                  new KeyPurposeId[] {
                    KeyPurposeId.id_kp_serverAuth, KeyPurposeId.id_kp_clientAuth
                  }))
          .addExtension(
              Extension.subjectAlternativeName,
              false,
              new GeneralNames(new GeneralName(GeneralName.dNSName, hostName)));
      X509Certificate certificate =
          new JcaX509CertificateConverter()
              .getCertificate(
                  builder.build(
                      new JcaContentSignerBuilder("SHA256withECDSA")
                          .setSecureRandom(random)
                          .build(pair.getPrivate())));
      return new HostIdentity(hostName, certificate, pair.getPrivate(), List.of());
    } catch (GeneralSecurityException | OperatorCreationException | CertIOException e) {
      throw new IllegalStateException("this JDK cannot make an EC P-256 certificate", e);
    }
  }

  /**
   * Reads a certificate and its key (PEM; PKCS #8 or the older EC and RSA forms) and checks that
   * they belong together and are valid now.
   *
   * @throws IdentityException with one sentence that names the file and what is wrong
   */
  public static HostIdentity load(Path certificatePath, Path keyPath, Clock clock)
      throws IdentityException {
    HostIdentity identity = loadOutOfDate(certificatePath, keyPath, clock);
    String validity = validityFault(identity.certificate, now(clock));
    if (validity != null) {
      throw new IdentityException("the certificate in " + certificatePath + " " + validity);
    }
    return identity;
  }

  /**
   * The same, whatever the certificate's dates: with it no remote host can be convinced, but what
   * is left on this host can be looked after. That it is out of date is among the {@link
   * #warnings}.
   *
   * @throws IdentityException with one sentence that names the file and what is wrong
   */
  public static HostIdentity loadOutOfDate(Path certificatePath, Path keyPath, Clock clock)
      throws IdentityException {
    X509Certificate certificate = PemFiles.readCertificate(certificatePath);
    PrivateKey key = PemFiles.readKey(keyPath);
    if (!PemFiles.belongTogether(certificate, key)) {
      throw new IdentityException(
          "the key in " + keyPath + " is not the key of the certificate in " + certificatePath);
    }
    Instant now = now(clock);
    List<String> warnings = new ArrayList<>();
    String exposed = PemFiles.exposure(keyPath);
    if (exposed != null) {
      warnings.add(exposed);
    }
    String validity = validityFault(certificate, now);
    if (validity != null) {
      warnings.add("the certificate in " + certificatePath + " " + validity);
    } else if (certificate.getNotAfter().toInstant().isBefore(now.plus(SOON))) {
      warnings.add(
          "the certificate in "
              + certificatePath
              + " expires soon, at "
              + certificate.getNotAfter().toInstant());
    }
    return new HostIdentity(PemFiles.commonName(certificate), certificate, key, warnings);
  }

  /**
   * Writes both files as PEM, the key readable by its owner alone, and their folders where they are
   * missing. An existing file is never overwritten: then nothing is written at all.
   *
   * @throws IOException with one sentence
   */
  public void save(Path certificatePath, Path keyPath) throws IOException {
    PemFiles.write(this, certificatePath, keyPath);
  }

  /** The common name of the certificate's subject. */
  public String hostName() {
    return hostName;
  }

  public X509Certificate certificate() {
    return certificate;
  }

  public PrivateKey key() {
    return key;
  }

  public Fingerprint fingerprint() {
    return Fingerprint.of(certificate);
  }

  /** What was found when it was loaded that works but should not stay so; a sentence each. */
  public List<String> warnings() {
    return warnings;
  }

  @Override
  public String toString() {
    return hostName + " " + fingerprint();
  }

  static Instant now(Clock clock) {
    return Instant.EPOCH.plusNanos(clock.epochNanos());
  }

  /**
   * What is wrong with the certificate's dates now, as the end of a sentence about it; "" when
   * nothing is.
   */
  public String outOfDate(Clock clock) {
    String fault = validityFault(certificate, now(clock));
    return fault == null ? "" : fault;
  }

  /** Null when valid; otherwise what is wrong, as the end of a sentence about the certificate. */
  static @Nullable String validityFault(X509Certificate certificate, Instant now) {
    Instant from = certificate.getNotBefore().toInstant();
    Instant until = certificate.getNotAfter().toInstant();
    if (now.isAfter(until)) {
      return "expired at " + until + " (it was valid from " + from + ")";
    }
    if (now.isBefore(from)) {
      return "is not yet valid: it is valid from " + from + " until " + until;
    }
    return null;
  }
}
