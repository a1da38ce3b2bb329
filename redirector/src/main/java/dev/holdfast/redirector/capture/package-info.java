/**
 * Takes packets for an old address out of the host's network.
 *
 * <p>By default they come from the TUN to which the old address is routed. Where routes and bridges
 * must not be touched they are taken off an interface by pcap, whatever their destination MAC; pcap
 * sees a copy, so the kernel is kept from acting on the original by {@code steer}. {@link
 * dev.holdfast.redirector.capture.LanDevice} makes packets of frames, and frames of packets, so
 * that the packet path knows no difference. The same seam learns flows, read-only, between arm and
 * hold. pcap4j is used here and in {@code demo} only.
 *
 * <p><b>What is not covered.</b> Packets that this host's own programs send to the old address:
 * they are not received but sent, and without a neighbour entry they are never sent at all.
 */
@NullMarked
package dev.holdfast.redirector.capture;

import org.jspecify.annotations.NullMarked;
