/**
 * The kernel changes that bring packets to us and take them on.
 *
 * <p><b>How a packet is steered.</b> On the old host, a bridge rule turns a frame for the guest's
 * MAC and old address into a frame for the bridge itself; the packet then gets a mark, the mark's
 * policy rule leads to a table of its own, and that table's route to the TUN. On the new host, what
 * comes out of the TUN is routed to the guest's LAN over a permanent neighbour entry; what the
 * guest sends from its old address is turned towards the bridge whatever MAC it was for, marked,
 * and routed to the TUN. {@link dev.holdfast.redirector.steer.HoldfastTables} draws it. Under every
 * route of ours lies a blackhole of worse metric: when the TUN goes, packets vanish, and the kernel
 * sends no error about them.
 *
 * <p><b>Where nothing may be steered</b> ({@link dev.holdfast.redirector.steer.PcapSteering}),
 * frames are captured by pcap, and the kernel is only told to drop the originals: two nft tables of
 * their own, and nothing else.
 *
 * <p><b>A guest that is not touched</b> keeps its old addresses, and the kernel of its new host
 * maps the new ones to them ({@link dev.holdfast.redirector.steer.MappingTables} draws it): what
 * begins after the move is mapped, what began before it takes the tunnel. The mapping is the one
 * thing here that outlives its migration.
 *
 * <p><b>What changes when.</b> Every kernel object is made at arm: what all migrations share by
 * {@link dev.holdfast.redirector.steer.HostSteering}, a migration's own by {@link
 * dev.holdfast.redirector.steer.RedirectorSteering} and {@link
 * dev.holdfast.redirector.steer.EndpointSteering}. A hold is elements of sets and maps, put in by
 * one nft transaction within this process; a release changes nothing here. The frames of several
 * migrations are told apart by MAC and address, not by bridge.
 *
 * <p><b>How it is undone.</b> A change is a value with its undo ({@link
 * dev.holdfast.redirector.steer.KernelChange}), written to the {@link
 * dev.holdfast.redirector.steer.KernelLedger} before it is made. Applying is idempotent, so that a
 * restarted daemon makes everything anew; undoing what is gone is no failure, and a sysctl is put
 * back only while it has our value. One thing stays: a bridge's MAC once set is never chosen by the
 * kernel again. It is set to what it was.
 *
 * <p><b>Who answers for the old address.</b> {@link
 * dev.holdfast.redirector.steer.NeighbourResponder} does, from a packet socket. For IPv4 the
 * kernel's proxy entry does too, when the daemon is dead: it answers only where the route for the
 * address leaves by another interface, and that is so while ARP for it carries the capture mark.
 * IPv6 has no such stand-in: the kernel's NDP proxy looks at no route, so it could not sleep until
 * hold, and wants forwarding on the interface, which would end the host's own autoconfiguration.
 *
 * <p><b>What is not here.</b> The TUN itself is opened by the tunnel's device package; when a hold
 * begins and ends is the migration's business. Somebody else's filter in the forwarding path is not
 * overruled; {@link dev.holdfast.redirector.steer.Preflight} finds it, and {@link
 * dev.holdfast.redirector.steer.ForwardProbe} tries the way. Its ICMP errors are dropped on their
 * way out, and its TCP resets too, except where the kernel's bridge netfilter is on, which sends a
 * reset past every hook. Bridges that filter VLANs are warned of, not served. A routed guest is
 * steered by its address alone, once it sends its frames to this host.
 */
@NullMarked
package dev.holdfast.redirector.steer;

import org.jspecify.annotations.NullMarked;
