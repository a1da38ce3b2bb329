package dev.holdfast.tunnel.identity;

import dev.holdfast.tunnel.time.Clock;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.OpenSslCertificateException;
import io.netty.internal.tcnative.CertificateVerifier;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.X509Certificate;
import java.util.Map;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;

/**
 * Accepts exactly the certificates whose fingerprints are given, within their dates, and nothing
 * else: no authority, no chain, no host name. Every refusal is a sentence for a person.
 */
public final class PinnedTrust extends X509ExtendedTrustManager {
  private final Map<Fingerprint, String> trusted;
  private final @Nullable String expected;
  private final Clock clock;

  /**
   * @param trusted the name of the remote host that each fingerprint stands for
   */
  public PinnedTrust(Map<Fingerprint, String> trusted, Clock clock) {
    this(trusted, null, clock);
  }

  private PinnedTrust(Map<Fingerprint, String> trusted, @Nullable String expected, Clock clock) {
    this.trusted = Map.copyOf(trusted);
    this.expected = expected;
    this.clock = clock;
  }

  /** The same trust, of which only {@code remoteName} is accepted: for a connection to it. */
  public PinnedTrust expecting(String remoteName) {
    if (!trusted.containsValue(remoteName)) {
      throw new IllegalArgumentException("no fingerprint is trusted for " + remoteName);
    }
    return new PinnedTrust(trusted, remoteName, clock);
  }

  /**
   * The name of the remote host that this certificate proves, by its fingerprint and dates.
   *
   * @param peer how to name the far end in the sentence
   * @throws CertificateException with one sentence, when it proves none (or not the expected one)
   */
  public String remoteOf(X509Certificate certificate, String peer) throws CertificateException {
    Fingerprint shown = Fingerprint.of(certificate);
    String name = trusted.get(shown);
    if (name == null || (expected != null && !expected.equals(name))) {
      throw unknown(mismatch(shown, name, peer));
    }
    String fault = HostIdentity.validityFault(certificate, HostIdentity.now(clock));
    if (fault != null) {
      throw new CertificateExpiredException( // both engines tell the other side of dates by it
          "the certificate of " + name + " at " + peer + " (" + shown + ") " + fault);
    }
    return name;
  }

  /** The native engine sends the alert {@code bad_certificate} for no other exception. */
  private static CertificateException unknown(String sentence) {
    return OpenSsl.isAvailable()
        ? new OpenSslCertificateException(sentence, CertificateVerifier.X509_V_ERR_CERT_REJECTED)
        : new CertificateException(sentence);
  }

  private String mismatch(Fingerprint shown, @Nullable String name, String peer) {
    String whose = name == null ? "" : " (which is " + name + "'s)";
    if (expected == null) {
      return peer + " presented " + shown + ", which no remote in the config has";
    }
    for (Map.Entry<Fingerprint, String> entry : trusted.entrySet()) {
      if (entry.getValue().equals(expected)) {
        return peer
            + " presented "
            + shown
            + whose
            + ", config has "
            + entry.getKey()
            + " for "
            + expected;
      }
    }
    throw new AssertionError("expecting() has checked that " + expected + " is there");
  }

  private void check(X509Certificate @Nullable [] chain, String peer) throws CertificateException {
    if (chain == null || chain.length == 0) {
      throw new CertificateException(peer + " presented no certificate");
    }
    remoteOf(chain[0], peer);
  }

  private static String peerOf(@Nullable SSLEngine engine) {
    if (engine == null || engine.getPeerHost() == null) {
      return "the other host";
    }
    return TlsFailure.peer(engine.getPeerHost(), engine.getPeerPort());
  }

  private static String peerOf(@Nullable Socket socket) {
    return socket != null && socket.getRemoteSocketAddress() instanceof InetSocketAddress address
        ? TlsFailure.peer(address)
        : "the other host";
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    check(chain, peerOf(engine));
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    check(chain, peerOf(engine));
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    check(chain, peerOf(socket));
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    check(chain, peerOf(socket));
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType)
      throws CertificateException {
    check(chain, "the other host");
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType)
      throws CertificateException {
    check(chain, "the other host");
  }

  /** None: the other side is not told whom this host trusts. */
  @Override
  public X509Certificate[] getAcceptedIssuers() {
    return new X509Certificate[0];
  }
}
