package dev.holdfast.redirector.edge;

import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.encap.OuterPolicy;
import dev.holdfast.tunnel.link.Link;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where a row happens: a host, what its migration has come to, and how it captures and tunnels. One
 * scene is for one row.
 */
final class Scene {
  final Role role;
  final MigrationState state;
  boolean isPcap;

  /** The family of the outer header with IP-in-IP; null with TLS. */
  @Nullable Ip outer;

  /** Of the path between the hosts, for IP-in-IP. */
  int pathMtu = 1_500;

  /** Bytes of inner packet. */
  int innerMtu = 1_500;

  /** The longest packet that the way from here to the guest, or to its peers, takes. */
  int deliveryMtu = 1_500;

  /** Of the outer headers. */
  OuterPolicy policy = OuterPolicy.DEFAULT;

  /** What an ICMP error has taught of that path. */
  int learntMtu = Integer.MAX_VALUE;

  /** Answers may leave at the new site, which a spoof probe has proven. */
  boolean isDirect;

  boolean keepsTtl;
  StaleSyn staleSyn = StaleSyn.TUNNEL;
  HoldPolicy holdPolicy = HoldPolicy.QUEUE;
  List<Packet> before = List.of();
  Link.Sent linkSays = Link.Sent.OK;
  boolean isLinkDown;
  long laterNanos;
  long apartNanos;

  private Scene(Role role, MigrationState state) {
    this.role = role;
    this.state = state;
  }

  /**
   * The host that the guest leaves: packets for it are captured, its answers come by the tunnel.
   */
  static Scene oldHost(MigrationState state) {
    return new Scene(Role.REDIRECTOR, state);
  }

  /**
   * The host that the guest comes to: its packets are captured, those for it come by the tunnel.
   */
  static Scene newHost(MigrationState state) {
    return new Scene(Role.ENDPOINT, state);
  }

  /** The old host while the guest runs at the new one. */
  static Scene oldHost() {
    return oldHost(MigrationState.REDIRECTING);
  }

  /** The new host while the guest runs there. */
  static Scene newHost() {
    return newHost(MigrationState.REDIRECTING);
  }

  /** The old host while what has begun there is served until it ends. */
  static Scene draining(StaleSyn stale) {
    Scene scene = oldHost(MigrationState.DRAINING);
    scene.staleSyn = stale;
    return scene;
  }

  /**
   * Frames are captured and sent with libpcap and a packet socket; a TUN stands there otherwise.
   */
  Scene pcap() {
    isPcap = true;
    return this;
  }

  /** With IP-in-IP, whose outer header is of that family. */
  Scene over(Ip family) {
    return over(family, 1_500);
  }

  /** With IP-in-IP on a path of {@code mtu} bytes. */
  Scene over(Ip family, int mtu) {
    outer = family;
    pathMtu = mtu;
    innerMtu = mtu - family.header();
    return this;
  }

  /** The outer headers of IP-in-IP have this DSCP; the inner packet's own unless it is said. */
  Scene dscp(int codepoint) {
    policy = new OuterPolicy(policy.hopLimit(), codepoint);
    return this;
  }

  /** The outer headers of IP-in-IP have this TTL or hop limit. */
  Scene hopLimit(int hops) {
    policy = new OuterPolicy(hops, policy.dscp());
    return this;
  }

  /** A believed ICMP error has taught that outer packets of {@code bytes} pass, and no longer. */
  Scene learnt(int bytes) {
    learntMtu = bytes;
    return this;
  }

  /** A spoof probe has arrived at the old host, so the return path is direct. */
  Scene direct() {
    isDirect = true;
    return this;
  }

  /** What passes this host keeps its TTL. */
  Scene keepsTtl() {
    keepsTtl = true;
    return this;
  }

  /** The longest inner packet of the tunnel. */
  Scene innerMtu(int bytes) {
    innerMtu = bytes;
    return this;
  }

  /** The longest packet that the LAN takes behind the tunnel. */
  Scene deliveryMtu(int bytes) {
    deliveryMtu = bytes;
    return this;
  }

  Scene holdPolicy(HoldPolicy policy) {
    holdPolicy = policy;
    return this;
  }

  /** These have been carried, by the way that each goes; while draining, before it began. */
  Scene after(Packet... packets) {
    before = List.of(packets);
    return this;
  }

  /** Those of before came so many seconds apart. */
  Scene apart(int seconds) {
    apartNanos = seconds * 1_000_000_000L;
    return this;
  }

  /** So much time has passed since then. */
  Scene later(int seconds) {
    laterNanos = seconds * 1_000_000_000L;
    return this;
  }

  /** What the link answers to each frame. */
  Scene linkSays(Link.Sent answer) {
    linkSays = answer;
    return this;
  }

  Scene linkDown() {
    isLinkDown = true;
    return this;
  }

  /** The packet comes from the TUN, or as a frame of the LAN. */
  PacketRow captures(Packet packet) {
    return new PacketRow(this, PacketRow.Way.CAPTURED, packet);
  }

  /** The inner packet comes by the tunnel's TLS connection, for now. */
  PacketRow receives(Packet packet) {
    return new PacketRow(this, PacketRow.Way.RECEIVED, packet);
  }

  /** The packet comes by the tunnel's TLS connection, to be kept until release. */
  PacketRow isStaged(Packet packet) {
    return new PacketRow(this, PacketRow.Way.STAGED, packet);
  }

  /** The outer packet comes to the raw socket: IP-in-IP. */
  PacketRow arrives(Packet outerPacket) {
    return new PacketRow(this, PacketRow.Way.ARRIVED, outerPacket);
  }

  /** The packet stands at the tunnel's own entry, past every rule of the migration: IP-in-IP. */
  PacketRow enters(Packet packet) {
    return new PacketRow(this, PacketRow.Way.ENTERS, packet);
  }

  @Override
  public String toString() {
    return "the %s, %s%s%s"
        .formatted(
            role.label(), state.label(), isPcap ? ", pcap" : "", outer == null ? "" : ", IP-in-IP");
  }
}
