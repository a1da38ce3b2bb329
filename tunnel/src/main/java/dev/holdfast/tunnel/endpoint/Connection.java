package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.identity.Fingerprint;
import dev.holdfast.tunnel.identity.TlsFailure;
import dev.holdfast.tunnel.link.FrameConnection;
import io.netty.channel.Channel;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.ssl.SslHandler;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.security.cert.CertificateException;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Puts TLS and frames on a TCP connection, the same for both of its ends. */
final class Connection {
  private static final Logger LOG = LoggerFactory.getLogger(Connection.class);

  /** Behind the kernel's text Netty may say where it wanted to go: ": /10.2.0.2:4754". */
  private static final Pattern NETTY_ERROR =
      Pattern.compile(".*failed(?: with error\\(-?\\d+\\))?: (.*?)(?:: /.*)?");

  private Connection() {}

  /**
   * @param onProven given the remote host's name once the handshake is complete and the certificate
   *     is one that is pinned; where it fails the listener's {@code onClosed} says why
   */
  static FrameConnection install(
      TunnelEndpoint endpoint,
      Channel channel,
      SslHandler tls,
      InetSocketAddress peer,
      FrameConnection.Listener listener,
      Consumer<String> onProven) {
    Fingerprint own = endpoint.tls().fingerprint();
    String peerText = TlsFailure.peer(peer);
    Congestion.choose(channel);
    FrameConnection frames =
        new FrameConnection(
            listener, cause -> explain(cause, peerText, own), endpoint.handler()::counted);
    tls.setHandshakeTimeoutMillis(endpoint.options().greetingTimeout().toMillis());
    channel.pipeline().addLast(tls, frames);
    tls.handshakeFuture()
        .addListener(done -> {
          if (!done.isSuccess()) {
            frames.close(explain(done.cause(), peerText, own));
            return;
          }
          try {
            onProven.accept(endpoint.tls().remoteOf(tls, peer));
          } catch (CertificateException e) {
            frames.close(String.valueOf(e.getMessage()));
          }
        });
    return frames;
  }

  private static String explain(Throwable cause, String peer, Fingerprint own) {
    Throwable real =
        cause instanceof DecoderException && cause.getCause() != null ? cause.getCause() : cause;
    if (real instanceof SSLException || real instanceof CertificateException) {
      return TlsFailure.explain(cause, peer, own);
    }
    if (real instanceof IOException) {
      return "the connection with " + peer + " was lost: " + kernelText(real);
    }
    LOG.error("the connection with {} is closed because of a fault in this program", peer, real);
    return "a fault in this program: " + real;
  }

  /**
   * "recvAddress(..) failed with error(-104): Connection reset by peer": the end is the kernel's.
   */
  static String kernelText(Throwable cause) {
    String text =
        cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
    Matcher netty = NETTY_ERROR.matcher(text);
    return netty.matches() ? netty.group(1) : text;
  }
}
