/**
 * The way of a packet through the daemon, one file for each direction.
 *
 * <p>Outbound: capture, packet, flow, decide, encap, link. Inbound: link, encap, deliver or stage,
 * reply. Each step is one method, in this order; whoever wants to know what happens to a packet
 * reads that file from top to bottom.
 *
 * <p>{@code Judgement} finds out about a packet before anything is done with it. Both files act on
 * it, and {@code Explainer} says what it is, for somebody who asks.
 *
 * <p>A migration has several data connections, each a {@code Lane}: what is sent, delivered,
 * missing or down is a lane's own. A flow keeps to one of them, so order within it needs nothing
 * else.
 */
@NullMarked
package dev.holdfast.redirector.path;

import org.jspecify.annotations.NullMarked;
