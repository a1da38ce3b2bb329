package dev.holdfast.redirector.config;

import dev.holdfast.tunnel.encap.OuterPolicy;
import dev.holdfast.tunnel.packet.IpPrefix;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The daemon's configuration, checked: what the TOML file said, with defaults filled in. */
public record Config(
    Daemon daemon,
    Tunnel tunnel,
    Identity identity,
    List<Remote> remotes,
    List<DnsZone> dns,
    Hold hold,
    Drain drain,
    List<Hook> hooks) {
  /** Without hooks of the user's own. */
  public Config(
      Daemon daemon,
      Tunnel tunnel,
      Identity identity,
      List<Remote> remotes,
      List<DnsZone> dns,
      Hold hold,
      Drain drain) {
    this(daemon, tunnel, identity, remotes, dns, hold, drain, List.of());
  }

  /** {@code [daemon]}. */
  public record Daemon(
      String name, Path control, Path state, Path pins, @Nullable InetSocketAddress metrics) {}

  /**
   * {@code [tunnel]}.
   *
   * @param listen where remote hosts reach this daemon; its address is also the source of outer
   *     IP-in-IP packets
   * @param uplink interface of the tunnel's outer packets
   * @param device name of the TUN
   * @param connections TLS data connections of a migration, at most
   * @param ttl what this host does to the TTL or hop limit of what it tunnels and delivers
   * @param outer hop limit and DSCP of the tunnel's own packets
   */
  public record Tunnel(
      InetSocketAddress listen,
      String uplink,
      Encapsulation encapsulation,
      ReturnPath returnPath,
      Capture capture,
      FastPath fastPath,
      String device,
      int connections,
      Ttl ttl,
      OuterPolicy outer) {
    /** With what is usual in the headers. */
    public Tunnel(
        InetSocketAddress listen,
        String uplink,
        Encapsulation encapsulation,
        ReturnPath returnPath,
        Capture capture,
        FastPath fastPath,
        String device,
        int connections) {
      this(
          listen,
          uplink,
          encapsulation,
          returnPath,
          capture,
          fastPath,
          device,
          connections,
          Ttl.DECREMENT,
          OuterPolicy.DEFAULT);
    }

    /** Whether no hop is taken here. */
    public boolean keepsTtl() {
      return ttl == Ttl.KEEP;
    }
  }

  /** {@code [identity]}: PEM files. */
  public record Identity(Path certificate, Path key) {}

  /**
   * {@code [[remote]]}.
   *
   * @param endpoint an address, or a name that is not resolved yet; null where that host connects
   *     to this one, which cannot reach it
   * @param fingerprint SHA-256 over its certificate's DER, 64 lower-case hex digits without prefix
   * @param addresses old addresses that may be tunnelled between this host and that one
   * @param plaintext whether {@code auto} may choose IP-in-IP, which hides nothing
   */
  public record Remote(
      String name,
      @Nullable InetSocketAddress endpoint,
      String fingerprint,
      List<IpPrefix> addresses,
      boolean plaintext) {
    /** As the file has it; "" where there is none. */
    public String endpointText() {
      return endpoint == null ? "" : EndpointText.format(endpoint);
    }
  }

  /**
   * {@code [[dns]]}.
   *
   * @param zone absolute, with the final dot
   * @param keyAlgorithm such as hmac-sha256
   */
  public record DnsZone(
      String zone,
      InetSocketAddress server,
      String keyName,
      String keyAlgorithm,
      Path keySecretFile,
      int ttl) {}

  /** {@code [hold]}. */
  public record Hold(
      HoldPolicy policy, long maxBytes, Duration maxAge, NoRelease noRelease, Duration limit) {}

  /** {@code [drain]}. */
  public record Drain(Duration timeWait, Duration minimum, Duration after, StaleSyn staleSyn) {}

  /**
   * {@code [[hook]]}: a command of the user's own.
   *
   * @param command with its arguments; the first is an absolute path
   * @param timeout after which it is ended, with all that it has started
   * @param migration names for which it is run; {@code *} stands for any characters, {@code ?} for
   *     one
   */
  public record Hook(
      List<HookEvent> events, List<String> command, Duration timeout, String migration) {
    /**
     * Whether it is run then.
     *
     * @param event a label of {@link HookEvent}
     */
    public boolean isFor(String event, String name) {
      String regex = "\\Q" + migration.replace("*", "\\E.*\\Q").replace("?", "\\E.\\Q") + "\\E";
      return events.stream().anyMatch(each -> Values.label(each).equals(event))
          && name.matches(regex);
    }
  }

  /** When a hook is run: a state is entered, or something needs an operator. */
  public enum HookEvent {
    ARMED,
    HOLDING,
    REDIRECTING,
    DRAINING,
    DONE,
    ROLLED_BACK,
    ALERT
  }

  public enum Encapsulation {
    AUTO,
    IPIP,
    TLS
  }

  public enum ReturnPath {
    SYMMETRIC,
    DIRECT
  }

  public enum Capture {
    TUN,
    PCAP
  }

  public enum FastPath {
    AUTO,
    OFF,
    REQUIRED
  }

  /** One hop less to live, as at any router; or not, for users of RFC 5082. */
  public enum Ttl {
    DECREMENT,
    KEEP
  }

  public enum HoldPolicy {
    QUEUE,
    DROP
  }

  public enum NoRelease {
    KEEP,
    ROLLBACK
  }

  public enum StaleSyn {
    TUNNEL,
    DROP,
    REJECT
  }
}
