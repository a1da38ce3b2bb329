package dev.holdfast.tunnel.identity;

import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.util.Set;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.x500.RDN;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.asn1.x500.style.IETFUtils;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.openssl.PEMEncryptedKeyPair;
import org.bouncycastle.openssl.PEMKeyPair;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.pkcs.PKCS8EncryptedPrivateKeyInfo;
import org.bouncycastle.util.io.pem.PemObject;
import org.jspecify.annotations.Nullable;

/** Certificates and keys as PEM files (RFC 7468), with errors that a person can act on. */
final class PemFiles {
  private static final long LARGEST = 1 << 20;
  private static final Set<PosixFilePermission> OTHERS_MAY =
      PosixFilePermissions.fromString("---rwxrwx");

  private PemFiles() {}

  static X509Certificate readCertificate(Path path) throws IdentityException {
    try (PEMParser parser = new PEMParser(new StringReader(read(path, "certificate")))) {
      for (Object object = parser.readObject(); object != null; object = parser.readObject()) {
        if (object instanceof X509CertificateHolder holder) {
          return new JcaX509CertificateConverter().getCertificate(holder);
        }
      }
    } catch (IOException | GeneralSecurityException | RuntimeException e) {
      throw new IdentityException("the certificate in " + path + " cannot be read", e);
    }
    throw new IdentityException(
        path + " holds no PEM certificate (no line -----BEGIN CERTIFICATE-----)");
  }

  static PrivateKey readKey(Path path) throws IdentityException {
    JcaPEMKeyConverter converter = new JcaPEMKeyConverter();
    try (PEMParser parser = new PEMParser(new StringReader(read(path, "key")))) {
      for (Object object = parser.readObject(); object != null; object = parser.readObject()) {
        switch (object) {
          case PrivateKeyInfo pkcs8 -> {
            return converter.getPrivateKey(pkcs8);
          }
          case PEMKeyPair pair -> {
            return converter.getPrivateKey(pair.getPrivateKeyInfo());
          }
          case PEMEncryptedKeyPair e -> throw encrypted(path);
          case PKCS8EncryptedPrivateKeyInfo e -> throw encrypted(path);
          default -> {} // such as the EC PARAMETERS that openssl ecparam puts first
        }
      }
    } catch (IOException | RuntimeException e) {
      throw new IdentityException("the key in " + path + " cannot be read", e);
    }
    throw new IdentityException(path + " holds no PEM private key (no line -----BEGIN …KEY-----)");
  }

  private static IdentityException encrypted(Path path) {
    return new IdentityException(
        "the key in " + path + " is encrypted; a daemon that starts by itself needs it plain");
  }

  /** Whether what the key signs is what the certificate verifies. */
  static boolean belongTogether(X509Certificate certificate, PrivateKey key)
      throws IdentityException {
    String algorithm =
        switch (key.getAlgorithm()) {
          case "EC" -> "SHA256withECDSA";
          case "RSA" -> "SHA256withRSA";
          default ->
              throw new IdentityException(
                  "a key of kind " + key.getAlgorithm() + " cannot be used: make an EC P-256 key");
        };
    byte[] sample = "holdfast".getBytes(StandardCharsets.US_ASCII);
    try {
      Signature signer = Signature.getInstance(algorithm);
      signer.initSign(key);
      signer.update(sample);
      byte[] signature = signer.sign();
      signer.initVerify(certificate.getPublicKey());
      signer.update(sample);
      return signer.verify(signature);
    } catch (GeneralSecurityException e) {
      return false; // keys of two kinds: initVerify or verify refuses
    }
  }

  static String commonName(X509Certificate certificate) {
    X500Name subject = X500Name.getInstance(certificate.getSubjectX500Principal().getEncoded());
    RDN[] names = subject.getRDNs(BCStyle.CN);
    return names.length == 0 ? "" : IETFUtils.valueToString(names[0].getFirst().getValue());
  }

  /** A sentence when somebody else than the owner may touch the key, otherwise null. */
  static @Nullable String exposure(Path keyPath) {
    try {
      Set<PosixFilePermission> mode = Files.getPosixFilePermissions(keyPath);
      if (mode.stream().anyMatch(OTHERS_MAY::contains)) {
        return "others than its owner may use the key in "
            + keyPath
            + " (mode "
            + PosixFilePermissions.toString(mode)
            + "): chmod 600 it";
      }
    } catch (IOException | UnsupportedOperationException e) {
      return null; // it has been read a moment ago; there is nothing to warn of
    }
    return null;
  }

  static String pem(String type, byte[] der) {
    StringWriter text = new StringWriter();
    try (JcaPEMWriter writer = new JcaPEMWriter(text)) {
      writer.writeObject(new PemObject(type, der));
    } catch (IOException e) {
      throw new AssertionError("a StringWriter does not fail", e);
    }
    return text.toString();
  }

  static void write(HostIdentity identity, Path certificatePath, Path keyPath) throws IOException {
    for (Path path : new Path[] {certificatePath, keyPath}) {
      if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
        throw new FileAlreadyExistsException(
            path + " exists already and is not overwritten: move it away first");
      }
      Path folder = path.toAbsolutePath().getParent();
      if (folder != null) {
        Files.createDirectories(folder);
      }
    }
    byte[] der;
    try {
      der = identity.certificate().getEncoded();
    } catch (GeneralSecurityException e) {
      throw new IOException("the certificate has no DER form", e);
    }
    createNew(keyPath, pem("PRIVATE KEY", identity.key().getEncoded()), "rw-------");
    try {
      createNew(certificatePath, pem("CERTIFICATE", der), "rw-r--r--");
    } catch (IOException e) {
      Files.deleteIfExists(keyPath); // ours: CREATE_NEW made it a moment ago
      throw e;
    }
  }

  private static void createNew(Path path, String text, String mode) throws IOException {
    Set<PosixFilePermission> permissions = PosixFilePermissions.fromString(mode);
    try (SeekableByteChannel file =
        Files.newByteChannel(
            path,
            Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
            PosixFilePermissions.asFileAttribute(permissions))) {
      ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
      while (bytes.hasRemaining()) {
        file.write(bytes);
      }
    } catch (IOException e) {
      throw new IOException("cannot write " + path + ": " + reason(e), e);
    }
  }

  private static String read(Path path, String what) throws IdentityException {
    try {
      if (Files.size(path) > LARGEST) {
        throw new IdentityException(path + " is too large to be a PEM " + what);
      }
      // Latin-1 maps every byte: what is not PEM is then told by what is missing in it.
      return new String(Files.readAllBytes(path), StandardCharsets.ISO_8859_1);
    } catch (NoSuchFileException e) {
      throw new IdentityException(
          "the " + what + " file " + path + " does not exist (holdfast cert init makes one)", e);
    } catch (IOException e) {
      throw new IdentityException(
          "cannot read the " + what + " file " + path + ": " + reason(e), e);
    }
  }

  private static String reason(IOException e) {
    return switch (e) {
      case AccessDeniedException denied -> "permission denied";
      case FileAlreadyExistsException exists -> "it exists already";
      default -> String.valueOf(e.getMessage());
    };
  }
}
