package dev.holdfast.edge;

import dev.holdfast.mutants.Mutant;
import java.util.List;

/** The rules of the protocol edge, each broken by one small change. */
final class EdgeMutants {
  private EdgeMutants() {}

  static final List<Mutant> ALL =
      List.of(
          new Mutant(
              "RFC 1812 5.3.1: no packet goes on without a hop left",
              "tunnel/packet/Ttl.java",
              "view.hopLimit() <= 1",
              "view.hopLimit() < 1"),
          new Mutant(
              "RFC 1812 5.3.1: each host takes one hop",
              "tunnel/packet/Ttl.java",
              "view.hopLimit() - 1)",
              "view.hopLimit())"),
          new Mutant(
              "RFC 1624 3: the checksum follows the TTL",
              "tunnel/packet/Ttl.java",
              "Checksums.update16(checksum, word, changed)",
              "checksum"),
          new Mutant(
              "RFC 6040 4.2: outer CE on Not-ECT is dropped",
              "tunnel/encap/Ecn.java",
              "return outer == CE ? DROP : NOT_ECT;",
              "return NOT_ECT;"),
          new Mutant(
              "RFC 6040 4.2: outer CE goes in",
              "tunnel/encap/Ecn.java",
              "if (outer == CE) {\n      return CE;",
              "if (outer == CE) {\n      return inner;"),
          new Mutant(
              "RFC 6040 4.2: outer ECT(1) on ECT(0) goes in",
              "tunnel/encap/Ecn.java",
              "inner == ECT_0 && outer == ECT_1 ? ECT_1 : inner",
              "inner"),
          new Mutant(
              "RFC 2003 3.1: Don't Fragment is copied",
              "tunnel/encap/IpInIp.java",
              "inner.isV4() ? !inner.dontFragment() :",
              "inner.isV4() ? false :"),
          new Mutant(
              "RFC 6864 4.3: what may not be cut takes no identification",
              "tunnel/link/IpInIpLink.java",
              "end - at > pathMtu || IpInIp.mayBeFragmented(remote, segment)",
              "true"),
          new Mutant(
              "RFC 5927 4.1: an error that quotes no address lowers nothing",
              "tunnel/encap/TunnelErrorCheck.java",
              "quotesAddresses(quoted) ? tooBig(told) : TunnelError.SHORT_QUOTE",
              "tooBig(told)"),
          new Mutant(
              "RFC 9293 3.4: the first answer of a connection takes the tunnel",
              "redirector/decide/DirectReturn.java",
              "known.wasHeard(Direction.FROM_GUEST)",
              "true"),
          new Mutant(
              "RFC 6864 4.1: what may not be cut has no identification",
              "tunnel/encap/IpInIp.java",
              "whole ? 0 : identification",
              "identification"),
          new Mutant(
              "RFC 4213 3: IPv6 inside is protocol 41",
              "tunnel/encap/IpInIp.java",
              "return inner.isV4() ? IPV4 : IPV6;",
              "return IPV4;"),
          new Mutant(
              "RFC 4213 3.6: what is inside is what the protocol says",
              "tunnel/encap/Unwrapping.java",
              "inner.isV4() != (protocol == IpInIp.IPV4)",
              "false"),
          new Mutant(
              "RFC 1812 5.2.2: a wrong header checksum ends the packet",
              "tunnel/encap/Unwrapping.java",
              "return !view.isV4()\n",
              "return true\n"),
          new Mutant(
              "RFC 2473 4.1.1: an encapsulation limit of 0 forbids",
              "tunnel/encap/LoopGuard.java",
              "EncapsulationLimit.of(packet) == 0",
              "false"),
          new Mutant(
              "RFC 791 3.2: fragments end on units of 8 bytes",
              "tunnel/encap/OuterFragments.java",
              " / UNIT * UNIT;",
              ";"),
          new Mutant(
              "RFC 1112 4, RFC 4291 2.7: groups stay in their LAN",
              "redirector/decide/Decision.java",
              "return packet.destinationHigh() >>> 56 == 0xff;",
              "return false;"),
          new Mutant(
              "RFC 2003 3.2: no loop",
              "redirector/decide/Decision.java",
              "return Rule.NOT_OURS;\n    if (isFromOld(packet)) return Rule.TO_ITSELF;",
              "return Rule.NOT_OURS;"),
          new Mutant(
              "RFC 791 3.2: a later fragment has no ports to be judged by",
              "redirector/decide/Decision.java",
              "if (!packet.hasTransportHeader()) return Rule.PART_OF_DATAGRAM;",
              ""),
          new Mutant(
              "RFC 9293 3.5: only a SYN without ACK opens a connection",
              "redirector/decide/Decision.java",
              "(PacketView.SYN | PacketView.ACK | PacketView.RST))",
              "PacketView.SYN)"),
          new Mutant(
              "RFC 9293 3.10.7.1: a reset acknowledges the SYN and its data",
              "redirector/path/Rejection.java",
              "syn.tcpSequence() + syn.tcpSequenceLength()",
              "syn.tcpSequence()"),
          new Mutant(
              "RFC 3168 6.1.2: CWR is on the first segment alone",
              "tunnel/packet/Segmenter.java",
              "(first ? 0 : CWR) | (last",
              "(last"),
          new Mutant(
              "virtio 5.1.6: no checksum is written into an IP header",
              "tunnel/packet/OffloadCheck.java",
              "view.isFragment() || start != view.transportStart()",
              "view.isFragment()"),
          new Mutant(
              "RFC 791 3.2: no datagram is longer than 65535 bytes",
              "tunnel/packet/PacketView.java",
              "fragmentOffset + total > MAX_DATAGRAM",
              "total > MAX_DATAGRAM"),
          new Mutant(
              "RFC 8200 4.5: one fragment header, not two",
              "tunnel/packet/PacketView.java",
              "fragmentSeen || at + 8 > limit",
              "at + 8 > limit"),
          new Mutant(
              "RFC 4861 4: neighbour discovery stays on its link",
              "redirector/capture/LanDevice.java",
              "view.icmpType() <= REDIRECT",
              "view.icmpType() < REDIRECT"),
          new Mutant(
              "RFC 4861 7.1.1: who asks is on the link",
              "tunnel/packet/NeighbourMessage.java",
              "packet.hopLimit() == 255",
              "packet.hopLimit() > 0"),
          new Mutant(
              "RFC 4861 7.2.4: an answer replaces what was remembered",
              "tunnel/packet/NeighbourMessage.java",
              "flags | SOLICITED | OVERRIDE",
              "flags | SOLICITED"),
          new Mutant(
              "RFC 4862 5.4, RFC 5227 2.1.1: the guest's own question is not answered",
              "redirector/steer/AnswerTable.java",
              "asker.equals(here.guest()) ? null : here.answer()",
              "here.answer()"),
          new Mutant(
              "RFC 5227 2.4: ten seconds between two defences",
              "redirector/steer/AddressClaims.java",
              "nowNanos - last < DEFEND_INTERVAL_NANOS",
              "nowNanos < last"),
          new Mutant(
              "RFC 8200 5: IPv6 is told of 1280 at least",
              "redirector/decide/Fit.java",
              "return Math.max(limit, smallest(v4));",
              "return limit;"),
          new Mutant(
              "RFC 4459 3.1: who does not heed is carried in outer fragments",
              "redirector/decide/TooBigSenders.java",
              "doesNotHeed(place, nowNanos);",
              "false;"),
          new Mutant(
              "RFC 4459 3.1: TCP goes on while its sender is told",
              "redirector/decide/Fit.java",
              "return this == TOLD || this == JUST_TOLD;",
              "return isTold() || this == JUST_TOLD || this == CARRIED_MEANWHILE;"),
          new Mutant(
              "RFC 9293 3.8: TCP goes onto a smaller LAN in shorter segments",
              "tunnel/packet/SegmentLength.java",
              "        longest - headers,",
              "        longest,"),
          new Mutant(
              "RFC 5925 5.1: what an option vouches for is not divided",
              "tunnel/packet/SegmentLength.java",
              "kind == MD5_SIGNATURE || kind == AUTHENTICATION || length < 2",
              "length < 2"),
          new Mutant(
              "RFC 791 3.2: what lets itself be cut is cut",
              "redirector/decide/Fit.java",
              "return IN_FRAGMENTS;",
              "return CARRIED;"),
          new Mutant(
              "RFC 5227 3: announcements are requests",
              "tunnel/packet/ArpMessage.java",
              "write(out, REQUEST, MacAddress.BROADCAST, mac, address,",
              "write(out, REPLY, MacAddress.BROADCAST, mac, address,"),
          new Mutant(
              "RFC 2983 4.1: the outer DSCP is the policy's",
              "tunnel/encap/OuterPolicy.java",
              "dscp == COPY ? inner :",
              "true ? inner :"),
          new Mutant(
              "RFC 6040 4.1: whatever the DSCP is, ECN is copied",
              "tunnel/encap/OuterPolicy.java",
              "dscp << 2 | inner & ECN_BITS",
              "dscp << 2"),
          new Mutant(
              "RFC 5082 3: with pcap a TTL that is to be kept is kept",
              "redirector/capture/LanDevice.java",
              "keepsTtl ? packet.hopLimit() > 0 : Ttl.decrement(buf, packet)",
              "Ttl.decrement(buf, packet)"),
          new Mutant(
              "RFC 5082 3: who keeps TTLs lets the last hop pass",
              "redirector/path/MigrationPath.java",
              "packet.hopLimit() <= (keepsTtl ? 0 : 1)",
              "packet.hopLimit() <= 1"),
          new Mutant(
              "RFC 2003 3.2: the other end's packets are not tunnelled again",
              "tunnel/encap/LoopGuard.java",
              "|| isOuter(packet, remote, local)",
              "|| false"),
          new Mutant(
              "RFC 5927 4.1: an error must quote a packet of the length that was sent",
              "tunnel/encap/TunnelErrorCheck.java",
              "fragment ? whole <= left : whole != left",
              "false"),
          new Mutant(
              "RFC 5927 7.2: an MTU must be the reason for the error",
              "tunnel/encap/TunnelErrorCheck.java",
              "mtu < least || mtu >= total",
              "mtu < least"),
          new Mutant(
              "RFC 1191 7.1: the next plateau is below what was sent",
              "tunnel/encap/TunnelErrorCheck.java",
              "if (plateau < length)",
              "if (plateau <= length)"),
          new Mutant(
              "RFC 8201 4: an error never raises the path MTU",
              "tunnel/encap/TunnelPathMtu.java",
              "mtu >= Math.min(limit, proven)",
              "mtu >= proven"),
          new Mutant(
              "RFC 2003 5.1: what was learnt of the path is told on",
              "tunnel/link/IpInIpLink.java",
              "learntMtu = passable(bytes);",
              "learntMtu = TunnelPathMtu.UNLIMITED;"),
          new Mutant(
              "RFC 5227 2.3: two announcements, two seconds apart",
              "redirector/steer/AnnounceSchedule.java",
              "new AnnounceSchedule(2, 2_000_000_000L)",
              "new AnnounceSchedule(5, 100_000_000L)"),
          new Mutant(
              "RFC 4861 7.2.6: after a delay two advertisements are still a second apart",
              "redirector/steer/Announcements.java",
              "long next = nowNanos +",
              "long next = series.nextNanos() +"),
          new Mutant(
              "RFC 791 3.2: a datagram's parts take one connection",
              "redirector/flow/Lanes.java",
              "packet.isTcp() && packet.dontFragment() && !packet.isFragment()",
              "packet.isTcp()"),
          new Mutant(
              "RFC 1858 3.1: a tiny first fragment has no header to be judged by",
              "tunnel/packet/PacketView.java",
              "version == 4 && moreFragments && room < fixedHeader(protocol)",
              "false"));
}
