package dev.holdfast.tunnel.device;

import static dev.holdfast.tunnel.sys.ClassicBpf.JEQ_K;
import static dev.holdfast.tunnel.sys.ClassicBpf.JGT_K;
import static dev.holdfast.tunnel.sys.ClassicBpf.LD_B_ABS;
import static dev.holdfast.tunnel.sys.ClassicBpf.LD_H_ABS;
import static dev.holdfast.tunnel.sys.ClassicBpf.LD_W_ABS;
import static dev.holdfast.tunnel.sys.ClassicBpf.LD_W_LEN;
import static dev.holdfast.tunnel.sys.ClassicBpf.RET_K;

import dev.holdfast.tunnel.sys.ClassicBpf;
import dev.holdfast.tunnel.sys.ClassicBpf.Instruction;
import java.util.ArrayList;
import java.util.List;

/**
 * Which Ethernet frames a {@link PacketSocket} is given; the kernel decides, so that others cost
 * nothing here.
 *
 * <p>Frames with a VLAN tag are never given (except by {@link #ALL}): the kernel takes the tag off,
 * and an answer without it would go to another network.
 */
public enum FrameFilter {
  /** Everything, tagged frames without their tag. */
  ALL(List.of(keep())),

  /** Nothing: for a socket that only sends. */
  NONE(List.of(drop())),

  /** ARP (RFC 826). */
  ARP(program(true)),

  /** IPv6 neighbour solicitations (RFC 4861 section 4.3) without extension headers. */
  NEIGHBOR_SOLICITATION(program(false, Icmpv6.NEIGHBOR_SOLICITATION)),

  /** What asks for a neighbour's MAC address, in either family. */
  ARP_AND_NEIGHBOR_SOLICITATION(program(true, Icmpv6.NEIGHBOR_SOLICITATION)),

  /** ARP, and all of RFC 4861's solicitations and advertisements, routers' too. */
  ARP_AND_NEIGHBOR_DISCOVERY(
      program(
          true,
          Icmpv6.ROUTER_SOLICITATION,
          Icmpv6.ROUTER_ADVERTISEMENT,
          Icmpv6.NEIGHBOR_SOLICITATION,
          Icmpv6.NEIGHBOR_ADVERTISEMENT)),

  /**
   * What says who has an address or wants it: ARP, neighbour solicitations and advertisements,
   * DHCPv4 (RFC 2131) in packets without IP options.
   */
  ADDRESS_USE(addressUse()),

  /** TCP from port 4754 to port 4754, in packets without IP options or extension headers. */
  RETURN_PROBE(returnProbe());

  private static final class Icmpv6 {
    static final int ROUTER_SOLICITATION = 133;
    static final int ROUTER_ADVERTISEMENT = 134;
    static final int NEIGHBOR_SOLICITATION = 135;
    static final int NEIGHBOR_ADVERTISEMENT = 136;
  }

  private static final int ETHERNET = 14;
  private static final int ETHER_TYPE_AT = 12;
  private static final int NEXT_HEADER_AT = 14 + 6;
  private static final int ICMPV6_TYPE_AT = 14 + 40;
  private static final int PROTOCOL_AT = 14 + 9;
  private static final int UDP_DESTINATION_AT = 14 + 20 + 2;
  private static final int ETHER_TYPE_ARP = 0x0806;
  private static final int ETHER_TYPE_IPV4 = 0x0800;
  private static final int ETHER_TYPE_IPV6 = 0x86dd;
  private static final int PROTOCOL_ICMPV6 = 58;
  private static final int PROTOCOL_TCP = 6;
  private static final int PROTOCOL_UDP = 17;
  private static final int V4_PORTS_AT = 14 + 20;
  private static final int V6_PORTS_AT = 14 + 40;
  private static final int PROBE_PORTS = 4754 << 16 | 4754;
  private static final int DHCP_SERVER = 67;
  private static final int DHCP_CLIENT = 68;

  private final List<Instruction> program;

  FrameFilter(List<Instruction> program) {
    this.program = program;
  }

  List<Instruction> program() {
    return program;
  }

  /** Tests in a row; the last two instructions are the two ends that jumps lead to. */
  private static List<Instruction> program(boolean arp, int... icmpv6Types) {
    int length = 2 + 1 + (arp ? 1 : 0) + (icmpv6Types.length > 0 ? 4 + icmpv6Types.length : 0) + 2;
    var code = new ArrayList<Instruction>(length);
    int keep = length - 2;
    int drop = length - 1;
    code.add(load(LD_W_ABS, ClassicBpf.VLAN_TAG_PRESENT));
    code.add(unless(code.size(), 0, drop));
    code.add(load(LD_H_ABS, ETHER_TYPE_AT));
    if (arp) {
      code.add(when(code.size(), ETHER_TYPE_ARP, keep, icmpv6Types.length == 0 ? drop : -1));
    }
    if (icmpv6Types.length > 0) {
      code.add(unless(code.size(), ETHER_TYPE_IPV6, drop));
      code.add(load(LD_B_ABS, NEXT_HEADER_AT));
      code.add(unless(code.size(), PROTOCOL_ICMPV6, drop));
      code.add(load(LD_B_ABS, ICMPV6_TYPE_AT));
      for (int i = 0; i < icmpv6Types.length; i++) {
        boolean last = i == icmpv6Types.length - 1;
        code.add(when(code.size(), icmpv6Types[i], keep, last ? drop : -1));
      }
    }
    code.add(keep());
    code.add(drop());
    return List.copyOf(code);
  }

  private static List<Instruction> addressUse() {
    int ipv4 = 10;
    int keep = 16;
    int drop = 17;
    return List.of(
        load(LD_W_ABS, ClassicBpf.VLAN_TAG_PRESENT),
        unless(1, 0, drop),
        load(LD_H_ABS, ETHER_TYPE_AT),
        when(3, ETHER_TYPE_ARP, keep, -1),
        unless(4, ETHER_TYPE_IPV6, ipv4),
        load(LD_B_ABS, NEXT_HEADER_AT),
        unless(6, PROTOCOL_ICMPV6, drop),
        load(LD_B_ABS, ICMPV6_TYPE_AT),
        when(8, Icmpv6.NEIGHBOR_SOLICITATION, keep, -1),
        when(9, Icmpv6.NEIGHBOR_ADVERTISEMENT, keep, drop),
        unless(ipv4, ETHER_TYPE_IPV4, drop),
        load(LD_B_ABS, PROTOCOL_AT),
        unless(12, PROTOCOL_UDP, drop),
        load(LD_H_ABS, UDP_DESTINATION_AT),
        when(14, DHCP_SERVER, keep, -1),
        when(15, DHCP_CLIENT, keep, drop),
        keep(),
        drop());
  }

  /**
   * UDP in frames longer than a packet of {@code mtu} bytes: what no wire has brought, so
   * super-packets above all. Not behind IPv6 extension headers.
   */
  static List<Instruction> longUdp(int mtu) {
    int ipv4 = 8;
    int keep = 11;
    int drop = 12;
    return List.of(
        load(LD_W_LEN, 0),
        new Instruction(JGT_K, 0, drop - 2, ETHERNET + mtu),
        load(LD_W_ABS, ClassicBpf.VLAN_TAG_PRESENT),
        unless(3, 0, drop),
        load(LD_H_ABS, ETHER_TYPE_AT),
        unless(5, ETHER_TYPE_IPV6, ipv4),
        load(LD_B_ABS, NEXT_HEADER_AT),
        when(7, PROTOCOL_UDP, keep, drop),
        unless(ipv4, ETHER_TYPE_IPV4, drop),
        load(LD_B_ABS, PROTOCOL_AT),
        when(10, PROTOCOL_UDP, keep, drop),
        keep(),
        drop());
  }

  private static List<Instruction> returnProbe() {
    int ipv4 = 8;
    int keep = 13;
    int drop = 14;
    return List.of(
        load(LD_W_ABS, ClassicBpf.VLAN_TAG_PRESENT),
        unless(1, 0, drop),
        load(LD_H_ABS, ETHER_TYPE_AT),
        unless(3, ETHER_TYPE_IPV6, ipv4),
        load(LD_B_ABS, NEXT_HEADER_AT),
        unless(5, PROTOCOL_TCP, drop),
        load(LD_W_ABS, V6_PORTS_AT),
        when(7, PROBE_PORTS, keep, drop),
        unless(ipv4, ETHER_TYPE_IPV4, drop),
        load(LD_B_ABS, PROTOCOL_AT),
        unless(10, PROTOCOL_TCP, drop),
        load(LD_W_ABS, V4_PORTS_AT),
        when(12, PROBE_PORTS, keep, drop),
        keep(),
        drop());
  }

  private static Instruction load(int width, int at) {
    return new Instruction(width, 0, 0, at);
  }

  /** Goes on where the value is {@code k}, else jumps to {@code target}. */
  private static Instruction unless(int here, int k, int target) {
    return new Instruction(JEQ_K, 0, target - here - 1, k);
  }

  /** Jumps to {@code target} where the value is {@code k}, else to {@code other}; -1 goes on. */
  private static Instruction when(int here, int k, int target, int other) {
    return new Instruction(JEQ_K, target - here - 1, other < 0 ? 0 : other - here - 1, k);
  }

  private static Instruction keep() {
    return new Instruction(RET_K, 0, 0, -1);
  }

  private static Instruction drop() {
    return new Instruction(RET_K, 0, 0, 0);
  }
}
