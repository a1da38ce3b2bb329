package dev.holdfast.interop;

import dev.holdfast.tunnel.packet.IpAddress;

/** A tunnel device of the Linux kernel, at the end that has no Holdfast. */
enum FarDevice {
  /** IPv4 in IPv4 (RFC 2003). */
  IPIP(true, true, "ipip", "nopmtudisc", "ipip"),

  /** IPv6 in IPv4 (RFC 4213). */
  SIT(true, false, "sit", "nopmtudisc", "sit"),

  /**
   * IPv6 in IPv6 (RFC 2473), with the encapsulation limit option that the kernel adds by itself.
   */
  IP6IP6(false, false, "ip6tnl", "mode ip6ip6", "ip6_tunnel"),

  /** The same without that option, in a device that takes IPv4 too. */
  IP6IP6_NO_LIMIT(false, false, "ip6tnl", "mode any encaplimit none", "ip6_tunnel"),

  /** IPv4 in IPv6 (RFC 2473), with the encapsulation limit option. */
  IPIP6(false, true, "ip6tnl", "mode ipip6", "ip6_tunnel"),

  /** The same without that option. */
  IPIP6_NO_LIMIT(false, true, "ip6tnl", "mode ipip6 encaplimit none", "ip6_tunnel");

  /** Whether the outer packet is IPv4. */
  final boolean outsideV4;

  /** Whether the inner packet is IPv4. */
  final boolean insideV4;

  private final String type;
  private final String options;

  /** The kernel module that it comes from. */
  private final String module;

  FarDevice(boolean outsideV4, boolean insideV4, String type, String options, String module) {
    this.outsideV4 = outsideV4;
    this.insideV4 = insideV4;
    this.type = type;
    this.options = options;
    this.module = module;
  }

  /** Bytes of the outer header that we write. */
  int outerLength() {
    return outsideV4 ? 20 : 40;
  }

  /** Bytes of the inner IP header. */
  int innerHeader() {
    return insideV4 ? 20 : 40;
  }

  boolean hasEncapsulationLimit() {
    return this == IP6IP6 || this == IPIP6;
  }

  /**
   * Makes it, in one line for a shell.
   *
   * @param local outer address of the guest
   * @param remote outer address of the near end
   * @param inside inner address of the guest
   * @param peer whom the guest reaches by the tunnel
   */
  String make(IpAddress local, IpAddress remote, IpAddress inside, IpAddress peer) {
    return String.join(
        " && ",
        "load " + module,
        "ip link add hft type %s %s remote %s local %s".formatted(type, options, remote, local),
        "ip link set hft addrgenmode none", // else it solicits routers by the tunnel
        "ip addr add %s dev hft%s".formatted(inside, insideV4 ? "" : " nodad"),
        "ip link set hft up",
        "ip route add %s dev hft src %s".formatted(peer, inside));
  }

  static String remove() {
    return "ip link del hft";
  }

  /** Has the guest's kernel forget what the outer protocol is, in one line for a shell. */
  String forgetProtocol() {
    return outsideV4 ? "unload ipip sit tunnel4" : "unload ip6_tunnel tunnel6";
  }
}
