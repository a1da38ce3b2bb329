/**
 * Views over the bytes of a packet, and the values read from them.
 *
 * <p>A view lays named offsets over a buffer and copies nothing. It is checked once, when a packet
 * comes in; from then on no accessor can run past the end, so the steps that follow need no bounds
 * checks of their own. A small record is the parsed value of what a view shows, for those who have
 * to keep it after the buffer is gone. Super-packets of up to 64 KB, as the kernel's offloads hand
 * them over, are one packet here.
 *
 * <p>What the kernel leaves to a device travels in front of the packet in a {@code virtio_net_hdr}.
 * From the other host it is untrusted, and {@code OffloadCheck} holds it against the packet; where
 * there is no room for it, as in IP-in-IP, {@code Segmenter} does the device's work; where a packet
 * came without it, {@code InferredOffload} finds out what it said. Checksums that are right are
 * updated by difference and not summed anew, so that a packet that was damaged on its way here
 * stays so and its receiver sees it.
 *
 * <p>What is written anew is little: packets for probes, the one ICMP error, and ARP and neighbour
 * discovery for addresses that this host answers for. Not here: connections ({@code flow} follows
 * them), reassembly of fragments, and any checksum but TCP's, UDP's and ICMP's.
 *
 * <p>Whether a packet is one of those that somebody has asked for is said by {@code FilterProgram}.
 *
 * <p>Pure: bytes go in and values come out. There is no thread, clock, socket or log in this
 * package.
 */
@NullMarked
package dev.holdfast.tunnel.packet;

import org.jspecify.annotations.NullMarked;
