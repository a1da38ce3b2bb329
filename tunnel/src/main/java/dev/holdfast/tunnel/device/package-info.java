/**
 * Where packets leave the kernel and go back to it: the TUN device and its kin.
 *
 * <p>One TUN serves all migrations of a daemon, opened with {@code IFF_VNET_HDR} and segmentation
 * offloads, so that a read may return a super-packet with a partial checksum. The in-memory device
 * stands in for it in tests.
 */
@NullMarked
package dev.holdfast.tunnel.device;

import org.jspecify.annotations.NullMarked;
