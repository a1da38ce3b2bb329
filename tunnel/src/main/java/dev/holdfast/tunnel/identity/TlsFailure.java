package dev.holdfast.tunnel.identity;

import dev.holdfast.tunnel.packet.IpAddress;
import io.netty.handler.ssl.NotSslRecordException;
import io.netty.handler.ssl.SslHandshakeTimeoutException;
import java.net.InetSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.security.cert.CertificateException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Says in one sentence why a TLS connection did not come about or broke.
 *
 * <p>In TLS 1.3 the client is done before the server has judged its certificate (RFC 8446 section
 * 2): a client that is not wanted learns so by an alert on what it believed to be an open
 * connection, so both phases are explained here.
 */
public final class TlsFailure {
  private TlsFailure() {}

  /**
   * @param cause what the engine threw
   * @param peer the far end, as {@link #peer(InetSocketAddress)} writes it
   * @param own this host's fingerprint, which the far end may have refused
   */
  public static String explain(Throwable cause, String peer, Fingerprint own) {
    CertificateException refusal = find(cause, CertificateException.class);
    if (refusal != null && refusal.getMessage() != null) {
      return refusal.getMessage(); // PinnedTrust's sentence, on the side that knows
    }
    if (find(cause, NotSslRecordException.class) != null) {
      return notTls(peer);
    }
    if (find(cause, SslHandshakeTimeoutException.class) != null) {
      return peer + " did not complete the TLS handshake in time";
    }
    String said = texts(cause).toUpperCase(Locale.ROOT).replace(' ', '_');
    if (said.contains("WRONG_VERSION_NUMBER")
        || said.contains("HTTP_REQUEST")
        || said.contains("NOT_AN_SSL/TLS_RECORD")) {
      return notTls(peer);
    }
    if (said.contains("DID_NOT_RETURN_A_CERTIFICATE")
        || said.contains("EMPTY_CLIENT_CERTIFICATE_CHAIN")) {
      return peer + " presented no certificate";
    }
    if (said.contains("ALERT_CERTIFICATE_EXPIRED") || said.contains("_CERTIFICATE_EXPIRED")) {
      return peer + " says that this host's certificate (" + own + ") is outside its dates";
    }
    if (said.contains("CERTIFICATE_UNKNOWN")
        || said.contains("BAD_CERTIFICATE")
        || said.contains("UNKNOWN_CA")
        || said.contains("CERTIFICATE_REQUIRED")) {
      return peer + " does not accept this host's certificate: its config needs " + own;
    }
    if (said.contains("PROTOCOL_VERSION") || said.contains("UNSUPPORTED_PROTOCOL")) {
      return peer + " does not speak TLS 1.3";
    }
    if (said.contains("NO_APPLICATION_PROTOCOL")) {
      return peer + " speaks TLS but not " + TlsContexts.ALPN;
    }
    if (find(cause, ClosedChannelException.class) != null) {
      return peer + " closed the connection during the TLS handshake";
    }
    return "the TLS connection with " + peer + " failed: " + innermost(cause);
  }

  /** The address in digits with its port; IPv6 in brackets (RFC 5952 section 6). */
  public static String peer(InetSocketAddress address) {
    return peer(host(address), address.getPort());
  }

  /** The address in digits; a name only where there is no address. */
  static String host(InetSocketAddress address) {
    return address.getAddress() == null
        ? address.getHostString()
        : IpAddress.of(address.getAddress()).toString();
  }

  static String peer(String host, int port) {
    return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
  }

  private static String notTls(String peer) {
    return peer + " does not speak TLS";
  }

  private static <T extends Throwable> @Nullable T find(Throwable cause, Class<T> kind) {
    int depth = 0;
    for (Throwable t = cause; t != null && depth < 16; t = t.getCause(), depth++) {
      if (kind.isInstance(t)) {
        return kind.cast(t);
      }
    }
    return null;
  }

  private static String texts(Throwable cause) {
    StringBuilder all = new StringBuilder();
    int depth = 0;
    for (Throwable t = cause; t != null && depth < 16; t = t.getCause(), depth++) {
      all.append(t.getMessage()).append('\n');
    }
    return all.toString();
  }

  private static String innermost(Throwable cause) {
    Throwable last = cause;
    for (int depth = 0; last.getCause() != null && depth < 16; depth++) {
      last = last.getCause();
    }
    return last.getMessage() == null ? last.getClass().getSimpleName() : last.getMessage();
  }
}
