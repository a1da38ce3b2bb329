/**
 * The protocol edge as tables: description, packet in, verdict, packet out, and the section of the
 * RFC that says so. Whoever knows the RFCs can read them without knowing the code.
 *
 * <p>A {@link Row} is one line of a table and one test. Its {@link Packet}s are built from words of
 * the field, and go through the objects that carry live packets: {@code OutboundPath}, {@code
 * InboundPath}, {@code LanDevice}, {@code IpInIpLink}, {@code NeighbourResponder}'s answers. A
 * {@link Scene} is the host in whose daemon that happens. What comes out is compared byte for byte,
 * so whatever a row does not mention is asserted not to change; {@link PacketText} says in which
 * field two packets differ.
 *
 * <p>An {@link ErrorRow} is about ICMP errors that come to the tunnel's own host ({@code
 * TunnelErrors}), an {@link AnnouncementRow} about what is announced and when ({@code
 * Announcements}), a {@link LaneRow} about packets that must not overtake one another ({@code
 * Lanes}).
 *
 * <p>What the kernel does for this daemon has no pure part, and so no row: unreachable and time
 * exceeded towards peers are suppressed and counted by rules of nftables ({@code SilenceIT} in the
 * lab), the hop that a TUN's packets keep is kept by others ({@code HopLimitIT}), and its sockets
 * join the solicited-node groups ({@code SnoopingIT}).
 *
 * <p>A new rule is a new row. That each table notices when its rule is broken is shown by the suite
 * "mutants".
 */
@NullMarked
package dev.holdfast.redirector.edge;

import org.jspecify.annotations.NullMarked;
