/**
 * Where packets leave the kernel and go back to it, and the few other doors into the kernel.
 *
 * <p>One TUN serves all migrations of a daemon, opened with {@code IFF_VNET_HDR} and segmentation
 * offloads, so that a read may return a super-packet with a partial checksum; {@code MemoryTun}
 * stands in for it in tests and replay. {@code RawIpSocket} carries IP-in-IP in batches, and {@code
 * IcmpErrorSocket} tells which of these packets came back as ICMP errors. {@code PacketSocket} sees
 * and sends whole Ethernet frames, and {@code GroupMembership} has switches bring those to IPv6
 * multicast groups. {@code NetworkNamespace} runs code in another namespace, {@code NftContext}
 * changes nft rules without starting a process, and {@code PcapExpression} compiles a packet filter
 * that people have written.
 *
 * <p>Each object owns one descriptor, is opened in the namespace of the calling thread, never
 * blocks, and is used by one thread. Whether there is something to read is learnt on the data loop
 * by {@code FdReadiness}; how much is read in one go is the caller's to bound. A packet that the
 * kernel does not take is an answer, not an exception, so that the caller can count it; an
 * exception means that the device is gone or was never there, in words meant for a person.
 *
 * <p>Not here: addresses, routes, rules and links are set by whoever steers packets to the devices,
 * and what the bytes mean is read by {@code packet} and {@code encap}.
 */
@NullMarked
package dev.holdfast.tunnel.device;

import org.jspecify.annotations.NullMarked;
