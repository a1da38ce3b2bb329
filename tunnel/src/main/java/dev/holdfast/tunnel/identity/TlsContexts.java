package dev.holdfast.tunnel.identity;

import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBufAllocator;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolConfig.Protocol;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectedListenerFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectorFailureBehavior;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslProvider;
import io.netty.util.ReferenceCountUtil;
import java.net.InetSocketAddress;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.HashMap;
import java.util.Map;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLPeerUnverifiedException;

/**
 * Makes the TLS end of a connection: TLS 1.3 alone, certificates both ways, ALPN {@value #ALPN}.
 * Used by one thread.
 *
 * <p>There is no setting for ciphers: the native engine ignores a list for TLS 1.3 silently.
 */
public final class TlsContexts implements AutoCloseable {
  /** The protocol name that both ends must select (RFC 7301). */
  public static final String ALPN = "holdfast/1";

  /** Which implementation encrypts. */
  public enum Engine {
    /** The native one where it loads, otherwise the JDK's. */
    AUTO,
    NATIVE,
    JDK
  }

  private static final long CLOSE_NOTIFY_MILLIS = 1000;

  private final HostIdentity identity;
  private final PinnedTrust trust;
  private final SslProvider provider;
  private final SslContext server;
  private final Map<String, SslContext> clients = new HashMap<>();

  public TlsContexts(HostIdentity identity, Map<Fingerprint, String> trusted, Clock clock) {
    this(identity, trusted, clock, Engine.AUTO);
  }

  /**
   * @param trusted the name of the remote host that each fingerprint stands for
   * @throws IllegalStateException when the engine asked for is not there
   */
  public TlsContexts(
      HostIdentity identity, Map<Fingerprint, String> trusted, Clock clock, Engine engine) {
    this.identity = identity;
    this.trust = new PinnedTrust(trusted, clock);
    this.provider = provider(engine);
    try {
      this.server =
          common(SslContextBuilder.forServer(identity.key(), identity.certificate()), trust)
              .clientAuth(ClientAuth.REQUIRE)
              .build();
    } catch (SSLException e) {
      throw new IllegalStateException("the TLS engine does not take this host's certificate", e);
    }
  }

  private static SslProvider provider(Engine engine) {
    boolean nativeThere =
        OpenSsl.isAvailable() && SslProvider.isTlsv13Supported(SslProvider.OPENSSL_REFCNT);
    if (engine == Engine.NATIVE && !nativeThere) {
      throw new IllegalStateException(
          "the native TLS engine does not load", OpenSsl.unavailabilityCause());
    }
    return nativeThere && engine != Engine.JDK ? SslProvider.OPENSSL_REFCNT : SslProvider.JDK;
  }

  private SslContextBuilder common(SslContextBuilder builder, PinnedTrust checkedBy) {
    return builder
        .sslProvider(provider)
        .protocols("TLSv1.3")
        .trustManager(checkedBy)
        .applicationProtocolConfig(
            // The native engine knows no other behaviours; remoteOf() refuses what was not agreed.
            new ApplicationProtocolConfig(
                Protocol.ALPN,
                SelectorFailureBehavior.NO_ADVERTISE,
                SelectedListenerFailureBehavior.ACCEPT,
                ALPN));
  }

  /** A handler for an outgoing connection, that accepts {@code remoteName}'s certificate alone. */
  public SslHandler client(ByteBufAllocator allocator, String remoteName, InetSocketAddress to) {
    SslContext context =
        clients.computeIfAbsent(
            remoteName,
            name -> {
              try {
                return common(SslContextBuilder.forClient(), trust.expecting(name))
                    .keyManager(identity.key(), identity.certificate())
                    .endpointIdentificationAlgorithm(null) // the pin says more than any name
                    .build();
              } catch (SSLException e) {
                throw new IllegalStateException(
                    "the TLS engine does not take this host's certificate", e);
              }
            });
    return handler(context, allocator, to);
  }

  /** A handler for an accepted connection; any trusted remote host may be at its far end. */
  public SslHandler server(ByteBufAllocator allocator, InetSocketAddress from) {
    return handler(server, allocator, from);
  }

  private static SslHandler handler(
      SslContext context, ByteBufAllocator allocator, InetSocketAddress peer) {
    // The address goes in as text, so that no name is looked up and none is sent as SNI.
    SslHandler handler = context.newHandler(allocator, TlsFailure.host(peer), peer.getPort());
    handler.setCloseNotifyFlushTimeoutMillis(CLOSE_NOTIFY_MILLIS);
    // Closing a socket while the other end still sends makes the kernel send an RST.
    handler.setCloseNotifyReadTimeoutMillis(CLOSE_NOTIFY_MILLIS);
    return handler;
  }

  /**
   * Who is at the far end of a connection whose handshake is complete. The certificate is judged
   * again here, so that a resumed session proves no more than a new one.
   *
   * @throws CertificateException with one sentence, when it is nobody we know, or when ALPN was not
   *     agreed
   */
  public String remoteOf(SslHandler handler, InetSocketAddress peer) throws CertificateException {
    String name = TlsFailure.peer(peer);
    String protocol = handler.applicationProtocol();
    if (!ALPN.equals(protocol)) {
      throw new CertificateException(
          name
              + " speaks TLS but not "
              + ALPN
              + (protocol == null ? "" : " (it chose " + protocol + ")")
              + ": is it a Holdfast daemon of another version?");
    }
    try {
      return trust.remoteOf(
          (X509Certificate) handler.engine().getSession().getPeerCertificates()[0], name);
    } catch (SSLPeerUnverifiedException e) {
      throw new CertificateException(name + " presented no certificate", e);
    }
  }

  /** This host's own. */
  public Fingerprint fingerprint() {
    return identity.fingerprint();
  }

  /** The implementation and its version, for status and logs. */
  public String engineName() {
    return provider == SslProvider.JDK ? "JDK" : OpenSsl.versionString();
  }

  @Override
  public void close() {
    ReferenceCountUtil.release(server);
    clients.values().forEach(ReferenceCountUtil::release);
    clients.clear();
  }
}
