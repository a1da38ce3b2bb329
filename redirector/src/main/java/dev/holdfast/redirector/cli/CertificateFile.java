package dev.holdfast.redirector.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import javax.naming.InvalidNameException;
import javax.naming.ldap.LdapName;
import javax.naming.ldap.Rdn;

/** A certificate without its key: another host's, or our own to be looked at. */
final class CertificateFile {
  private CertificateFile() {}

  /** Reads PEM or DER. */
  static X509Certificate read(Path file) throws IOException, CommandFailed {
    if (Files.isDirectory(file)) {
      throw CommandFailed.usage(file + " is a folder, not a certificate.");
    }
    try (InputStream in = Files.newInputStream(file)) {
      return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
    } catch (CertificateException e) {
      throw CommandFailed.usage(file + " is not a certificate in PEM or DER form.");
    }
  }

  /** The common name of its subject; the whole subject where it has none. */
  static String name(X509Certificate certificate) {
    String subject = certificate.getSubjectX500Principal().getName();
    try {
      for (Rdn part : new LdapName(subject).getRdns()) {
        if (part.getType().equalsIgnoreCase("CN")) {
          return part.getValue().toString();
        }
      }
    } catch (InvalidNameException e) {
      return subject;
    }
    return subject;
  }
}
