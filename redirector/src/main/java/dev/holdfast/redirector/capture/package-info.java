/**
 * Takes packets for an old address out of the host's network.
 *
 * <p>By default they come from the TUN to which the old address is routed. Where routes and bridges
 * must not be touched they are taken off an interface by pcap, whatever their destination MAC; pcap
 * sees a copy, so the kernel has to be kept from acting on the original. The same seam learns
 * flows, read-only, between arm and hold. pcap4j is used here and in {@code demo} only.
 */
@NullMarked
package dev.holdfast.redirector.capture;

import org.jspecify.annotations.NullMarked;
