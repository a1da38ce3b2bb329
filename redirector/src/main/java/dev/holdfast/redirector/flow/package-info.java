/**
 * Which connection a packet belongs to, and whether that connection still lives.
 *
 * <p>TCP state is followed from both directions (RFC 9293). A flow ends at a reset, or some time
 * after the last FIN was acknowledged; UDP, ICMP and others end by timers (RFC 4787, 5508). A
 * segment in mid-stream of a flow that nobody has seen yet is adopted and never refused, because
 * the flow is older than our knowledge of it.
 *
 * <p>Pure: the time of a packet comes with the packet.
 */
@NullMarked
package dev.holdfast.redirector.flow;

import org.jspecify.annotations.NullMarked;
