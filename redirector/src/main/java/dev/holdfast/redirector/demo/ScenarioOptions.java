package dev.holdfast.redirector.demo;

import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What a scenario is to be like. {@link #defaults()} is the demo without options.
 *
 * @param encapsulation tls, ipip or auto
 * @param dataConnections between the hosts, for the migration
 * @param capture tun or pcap, at both hosts, or one for each: "tun,pcap" is tun at the old host
 * @param pause how long the guest is without a network
 * @param connections from the client, a quarter of each kind
 * @param ipv6 whether old, new and client addresses are IPv6
 * @param hold queue or drop
 * @param delay one way, between the sites
 * @param without whether Holdfast is left out
 * @param keep folder for configuration, logs and captures; null: a temporary one
 * @param ending how it goes
 * @param deletePort whether the old host deletes the guest's port once the guest has gone
 * @param lowestMac whether the guest's port gives the old host's bridge its MAC
 * @param peerConnections from a machine on the old host's bridge; zero: there is none
 * @param saturate whether bulk streams run as fast as they can
 * @param quickAck whether the guest acknowledges at once, so that recovery is the network's alone
 * @param plaintext whether each host allows clear text to the other
 * @param underlay the family between the hosts: ipv4 or ipv6; null: that of the guest's addresses
 * @param dualStack whether the guest has the addresses of both families, and half of the client's
 *     connections are of the other one
 * @param roaming whether the new host may change its address
 * @param named whether the old host knows the new one by name; see {@link Stage#NEW_HOST_NAME}
 * @param nat whether the old host is behind a NAT, and the new one cannot reach it
 * @param returnPath symmetric or direct
 * @param rehearsed whether the daemons rehearse when they start; where nothing is measured, that is
 *     most of the work
 * @param seed of all bytes
 */
public record ScenarioOptions(
    String encapsulation,
    int dataConnections,
    String capture,
    Duration pause,
    int connections,
    boolean ipv6,
    String hold,
    Duration delay,
    boolean without,
    @Nullable Path keep,
    Ending ending,
    boolean deletePort,
    boolean lowestMac,
    int peerConnections,
    boolean saturate,
    boolean quickAck,
    boolean plaintext,
    @Nullable String underlay,
    boolean dualStack,
    boolean roaming,
    boolean named,
    boolean nat,
    String returnPath,
    boolean rehearsed,
    long seed) {

  public static ScenarioOptions defaults() {
    return new Draft().options();
  }

  /** Whether the hosts speak IPv6 with each other. */
  public boolean ipv6Underlay() {
    return underlay == null ? ipv6 : underlay.equals("ipv6");
  }

  /** How the old host captures. */
  public String captureAtOldHost() {
    return capture.split(",", 2)[0];
  }

  /** How the new host captures what the guest answers. */
  public String captureAtNewHost() {
    String[] both = capture.split(",", 2);
    return both[both.length - 1];
  }

  /** These options with some changed: {@code options.with(o -> o.ipv6 = true)}. */
  public ScenarioOptions with(Consumer<Draft> change) {
    var draft = new Draft();
    draft.encapsulation = encapsulation;
    draft.dataConnections = dataConnections;
    draft.capture = capture;
    draft.pause = pause;
    draft.connections = connections;
    draft.ipv6 = ipv6;
    draft.hold = hold;
    draft.delay = delay;
    draft.without = without;
    draft.keep = keep;
    draft.ending = ending;
    draft.deletePort = deletePort;
    draft.lowestMac = lowestMac;
    draft.peerConnections = peerConnections;
    draft.saturate = saturate;
    draft.quickAck = quickAck;
    draft.plaintext = plaintext;
    draft.underlay = underlay;
    draft.dualStack = dualStack;
    draft.roaming = roaming;
    draft.named = named;
    draft.nat = nat;
    draft.returnPath = returnPath;
    draft.rehearsed = rehearsed;
    draft.seed = seed;
    change.accept(draft);
    return draft.options();
  }

  /** Options in the making. */
  public static final class Draft {
    public String encapsulation = "tls";
    public int dataConnections = 4;
    public String capture = "tun";
    public Duration pause = Duration.ofSeconds(2);
    public int connections = 32;
    public boolean ipv6;
    public String hold = "queue";
    public Duration delay = Duration.ZERO;
    public boolean without;
    public @Nullable Path keep;
    public Ending ending = Ending.MOVED;
    public boolean deletePort;
    public boolean lowestMac;
    public int peerConnections;
    public boolean saturate;
    public boolean quickAck = true;
    public boolean plaintext;
    public @Nullable String underlay;
    public boolean dualStack;
    public boolean roaming;
    public boolean named;
    public boolean nat;
    public String returnPath = "symmetric";
    public boolean rehearsed = true;
    public long seed = 1;

    private Draft() {}

    private ScenarioOptions options() {
      return new ScenarioOptions(
          encapsulation,
          dataConnections,
          capture,
          pause,
          connections,
          ipv6,
          hold,
          delay,
          without,
          keep,
          ending,
          deletePort,
          lowestMac,
          peerConnections,
          saturate,
          quickAck,
          plaintext,
          underlay,
          dualStack,
          roaming,
          named,
          nat,
          returnPath,
          rehearsed,
          seed);
    }
  }
}
