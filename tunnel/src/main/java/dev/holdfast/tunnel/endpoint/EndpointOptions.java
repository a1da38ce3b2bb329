package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.encap.OuterPolicy;
import dev.holdfast.tunnel.identity.TlsContexts;
import dev.holdfast.tunnel.link.TlsLink;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.List;

/**
 * What a {@link TunnelEndpoint} does not need to be told.
 *
 * @param software what it calls itself in its hello
 * @param capabilities told in its hello
 * @param connectTimeout for a connection to be opened, proven and answered
 * @param greetingTimeout for an accepted connection to complete its handshake, and again to say
 *     what it is for
 * @param pingInterval between two keepalives of a control channel
 * @param silentPings keepalives without anything heard after which a channel is dead
 * @param halfOpen accepted connections that have not yet said what they are for: as many from the
 *     addresses of configured remote hosts, and as many from all others
 * @param linkLimits queue in front of each data connection
 * @param resolver of endpoints that are names
 * @param dscp of data connections, 0 to 63; {@link OuterPolicy#COPY} leaves them the host's
 *     default, since one connection carries packets of many kinds (RFC 2983 section 3.2)
 */
public record EndpointOptions(
    String software,
    List<String> capabilities,
    Duration connectTimeout,
    Duration greetingTimeout,
    Duration pingInterval,
    int silentPings,
    int halfOpen,
    TlsLink.Limits linkLimits,
    TlsContexts.Engine engine,
    Resolver resolver,
    int dscp) {

  /** Finds the addresses of a name; may take its time. */
  @FunctionalInterface
  public interface Resolver {
    /**
     * @throws UnknownHostException when there is none
     */
    List<InetAddress> resolve(String name) throws UnknownHostException;

    /** As this machine resolves names: /etc/hosts, DNS. */
    Resolver SYSTEM = name -> List.of(InetAddress.getAllByName(name));
  }

  public static final EndpointOptions DEFAULT =
      new EndpointOptions(
          "holdfast",
          List.of(ControlMessage.GUEST_UNAWARE, ControlMessage.HOLD_TO_RETURN),
          Duration.ofSeconds(5),
          Duration.ofSeconds(5),
          Duration.ofSeconds(1),
          4,
          64,
          TlsLink.Limits.DEFAULT,
          TlsContexts.Engine.AUTO,
          Resolver.SYSTEM);

  public EndpointOptions {
    capabilities = List.copyOf(capabilities);
  }

  /** With the host's default DSCP. */
  public EndpointOptions(
      String software,
      List<String> capabilities,
      Duration connectTimeout,
      Duration greetingTimeout,
      Duration pingInterval,
      int silentPings,
      int halfOpen,
      TlsLink.Limits linkLimits,
      TlsContexts.Engine engine,
      Resolver resolver) {
    this(
        software,
        capabilities,
        connectTimeout,
        greetingTimeout,
        pingInterval,
        silentPings,
        halfOpen,
        linkLimits,
        engine,
        resolver,
        OuterPolicy.COPY);
  }

  public EndpointOptions withDscp(int value) {
    return new EndpointOptions(
        software,
        capabilities,
        connectTimeout,
        greetingTimeout,
        pingInterval,
        silentPings,
        halfOpen,
        linkLimits,
        engine,
        resolver,
        value);
  }

  public EndpointOptions withSoftware(String software) {
    return new EndpointOptions(
        software,
        capabilities,
        connectTimeout,
        greetingTimeout,
        pingInterval,
        silentPings,
        halfOpen,
        linkLimits,
        engine,
        resolver,
        dscp);
  }
}
