/**
 * Which connection a packet belongs to, and whether that connection still lives.
 *
 * <p>{@link FlowTable} finds a packet's flow by the packet's own fields, takes the packet in, and
 * counts the flows that are still to be served: a migration is done when none is left. TCP state is
 * inferred from both directions ({@link TcpTracking}, RFC 9293); a flow ends at a reset, or some
 * time after the last FIN was acknowledged. UDP, ICMP and others end by timers (RFC 4787, 5508). A
 * segment in mid-stream of a flow that nobody has seen yet is adopted and never refused, because
 * the flow is older than our knowledge of it.
 *
 * <p>The guest is taken at its word; the peer is not, since anybody who knows the ports can forge
 * its segments. So a peer's FIN counts when the guest has acknowledged it, its RST must fall into
 * the window, its SYN on an open connection means nothing until the guest answers, and what only
 * strangers have said fills a bounded part of the table.
 *
 * <p>What is not here: reassembly, of fragments or of streams; what becomes of a packet (package
 * decide); the packets themselves (package hold).
 *
 * <p>Pure: the time of a packet comes with the packet. One thread owns a table and its flows.
 */
@NullMarked
package dev.holdfast.redirector.flow;

import org.jspecify.annotations.NullMarked;
