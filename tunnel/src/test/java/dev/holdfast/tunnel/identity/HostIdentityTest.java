package dev.holdfast.tunnel.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import org.bouncycastle.asn1.DERBitString;
import org.bouncycastle.asn1.sec.ECPrivateKey;
import org.bouncycastle.asn1.x509.SubjectPublicKeyInfo;
import org.bouncycastle.asn1.x9.X9ObjectIdentifiers;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostIdentityTest {
  private final TestClock clock = new TestClock();
  @TempDir Path folder;
  private Path certificate = Path.of("");
  private Path key = Path.of("");

  @BeforeEach
  void paths() {
    certificate = folder.resolve("etc/host.crt");
    key = folder.resolve("etc/host.key");
  }

  private HostIdentity create(String name) {
    return HostIdentity.create(name, Duration.ofDays(365), clock, new SecureRandom());
  }

  @Test
  void whatIsSavedIsWhatIsLoaded() throws Exception {
    HostIdentity made = create("host-a");
    made.save(certificate, key);

    HostIdentity loaded = HostIdentity.load(certificate, key, clock);

    assertThat(loaded.certificate()).isEqualTo(made.certificate());
    assertThat(loaded.key()).isEqualTo(made.key());
    assertThat(loaded.fingerprint()).isEqualTo(made.fingerprint());
    assertThat(loaded.hostName()).isEqualTo("host-a");
    assertThat(loaded.warnings()).isEmpty();
  }

  @Test
  void theCertificateSaysWhoAndForWhat() throws Exception {
    var made = create("host-a.lab.test").certificate();
    assertThat(made.getSubjectX500Principal().getName()).isEqualTo("CN=host-a.lab.test");
    assertThat(made.getSubjectAlternativeNames())
        .singleElement()
        .asInstanceOf(org.assertj.core.api.InstanceOfAssertFactories.list(Object.class))
        .containsExactly(2, "host-a.lab.test");
    assertThat(made.getExtendedKeyUsage())
        .containsExactlyInAnyOrder("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2");
    assertThat(made.getBasicConstraints()).isEqualTo(-1);
    assertThat(made.getNotBefore().toInstant())
        .isEqualTo(TestClock.START.minus(Duration.ofMinutes(10)));
    assertThat(made.getNotAfter().toInstant())
        .isEqualTo(TestClock.START.plus(Duration.ofDays(365)));
    made.verify(made.getPublicKey());
  }

  @Test
  void theKeyIsForItsOwnerAlone() throws Exception {
    create("host-a").save(certificate, key);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(key)))
        .isEqualTo("rw-------");
  }

  @Test
  void anExistingFileIsNeverOverwritten() throws Exception {
    Files.createDirectories(folder.resolve("etc"));
    Files.writeString(certificate, "precious");

    assertThatThrownBy(() -> create("host-a").save(certificate, key))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(certificate + " exists already");

    assertThat(certificate).hasContent("precious");
    assertThat(key).doesNotExist();
  }

  @Test
  void aMissingFileIsNamed() throws Exception {
    assertLoadFails("the certificate file " + certificate + " does not exist");
    create("host-a").save(certificate, key);
    Files.delete(key);
    assertLoadFails("the key file " + key + " does not exist");
  }

  @Test
  void whatIsNotPemIsNamed() throws Exception {
    create("host-a").save(certificate, key);
    Files.write(certificate, new byte[] {0x30, (byte) 0x82, 1, 2, (byte) 0xff});
    assertLoadFails(certificate + " holds no PEM certificate");
  }

  @Test
  void brokenPemIsNamed() throws Exception {
    create("host-a").save(certificate, key);
    Files.writeString(
        certificate, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assertLoadFails("the certificate in " + certificate + " cannot be read");
  }

  @Test
  void aCertificateInThePlaceOfTheKeyIsNamed() throws Exception {
    create("host-a").save(certificate, key);
    Files.copy(certificate, key, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    assertLoadFails(key + " holds no PEM private key");
  }

  @Test
  void aKeyOfAnotherCertificateIsNamed() throws Exception {
    create("host-a").save(certificate, key);
    Path otherKey = folder.resolve("other.key");
    create("host-b").save(folder.resolve("other.crt"), otherKey);
    assertThatThrownBy(() -> HostIdentity.load(certificate, otherKey, clock))
        .isInstanceOf(IdentityException.class)
        .hasMessage(
            "the key in " + otherKey + " is not the key of the certificate in " + certificate);
  }

  @Test
  void anExpiredCertificateIsToldWithBothDates() throws Exception {
    create("host-a").save(certificate, key);
    clock.advance(Duration.ofDays(366));
    assertLoadFails("expired at 2027-03-01T12:00:00Z (it was valid from 2026-03-01T11:50:00Z)");
  }

  @Test
  void aCertificateFromTheFutureIsToldWithBothDates() throws Exception {
    create("host-a").save(certificate, key);
    clock.advance(Duration.ofDays(-1));
    assertLoadFails(
        "is not yet valid: it is valid from 2026-03-01T11:50:00Z until 2027-03-01T12:00:00Z");
  }

  @Test
  void oneThatIsOutOfDateIsLoadedWhereThatIsSaid() throws Exception {
    create("host-a").save(certificate, key);
    assertThat(HostIdentity.loadOutOfDate(certificate, key, clock).outOfDate(clock)).isEmpty();
    clock.advance(Duration.ofDays(366));
    HostIdentity expired = HostIdentity.loadOutOfDate(certificate, key, clock);
    assertThat(expired.outOfDate(clock)).startsWith("expired at 2027-03-01T12:00:00Z");
    assertThat(expired.warnings())
        .singleElement()
        .asString()
        .contains(certificate.toString(), "expired at 2027-03-01T12:00:00Z");
  }

  @Test
  void aKeyThatOthersMayReadGivesAWarning() throws Exception {
    create("host-a").save(certificate, key);
    Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-r-----"));
    assertThat(HostIdentity.load(certificate, key, clock).warnings())
        .singleElement()
        .asString()
        .contains(key.toString(), "rw-r-----", "chmod 600");
  }

  @Test
  void aCertificateThatExpiresSoonGivesAWarning() throws Exception {
    create("host-a").save(certificate, key);
    clock.advance(Duration.ofDays(340));
    assertThat(HostIdentity.load(certificate, key, clock).warnings())
        .singleElement()
        .asString()
        .contains("expires soon, at 2027-03-01T12:00:00Z");
  }

  @Test
  void theOlderKeyFormThatOpensslWritesIsRead() throws Exception {
    HostIdentity made = create("host-a");
    made.save(certificate, key);
    BigInteger secret = ((java.security.interfaces.ECPrivateKey) made.key()).getS();
    byte[] point =
        SubjectPublicKeyInfo.getInstance(made.certificate().getPublicKey().getEncoded())
            .getPublicKeyData()
            .getOctets();
    ECPrivateKey sec1 =
        new ECPrivateKey(256, secret, new DERBitString(point), X9ObjectIdentifiers.prime256v1);
    Files.writeString(
        key,
        PemFiles.pem("EC PARAMETERS", X9ObjectIdentifiers.prime256v1.getEncoded())
            + PemFiles.pem("EC PRIVATE KEY", sec1.getEncoded()));
    assertThat(HostIdentity.load(certificate, key, clock).fingerprint())
        .isEqualTo(made.fingerprint());
  }

  @Test
  void aNameThatCannotStandInACertificateIsRefused() {
    assertThatThrownBy(() -> create("host a"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'host a' cannot be a host name");
  }

  private void assertLoadFails(String sentence) {
    assertThatThrownBy(() -> HostIdentity.load(certificate, key, clock))
        .isInstanceOf(IdentityException.class)
        .hasMessageContaining(sentence);
  }
}
