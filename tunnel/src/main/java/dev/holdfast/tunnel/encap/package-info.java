/**
 * How a packet is wrapped for the journey to the other host, and unwrapped there.
 *
 * <p>There are two forms: IP-in-IP (RFC 2003, 2473, 4213), one outer header in front of the packet,
 * and frames in a TLS stream, each with a length, a type and the packet's offload header in front
 * of it. What is to be unwrapped comes from a network and is not trusted: every length and offset
 * is checked before it is used, and the inner destination has to be one that was granted to the
 * sender.
 *
 * <p>A super-packet goes into a frame whole, and into an IP-in-IP packet one segment at a time. The
 * outer header's DSCP, ECN and Don't Fragment are the inner one's; on the way out of the tunnel its
 * ECN is laid over the inner one (RFC 6040). Nothing else of a packet is changed here. Fragments of
 * an outer packet are the kernel's to put together before.
 *
 * <p>Pure: the outcome is a value, and whoever asked does the sending. Which bytes travel over
 * which connection is the business of {@code link}.
 */
@NullMarked
package dev.holdfast.tunnel.encap;

import org.jspecify.annotations.NullMarked;
