/**
 * Offline replay: captured traffic through the packet path of two hosts, in virtual time, with a
 * verdict for each connection.
 *
 * <p>Nothing here has a thread, a clock, a socket or a device: {@link
 * dev.holdfast.redirector.replay.VirtualTime} passes from event to event, and one seed gives all
 * that is random, so the same capture, options and seed give the same bytes. What carries packets
 * is the product: {@link dev.holdfast.redirector.path.OutboundPath}, {@link
 * dev.holdfast.redirector.path.InboundPath} and {@link dev.holdfast.redirector.path.MigrationPath}
 * of both hosts, with their flow tables, hold queues and stages, and between them the real links:
 * TLS frames without TLS around them, or IP-in-IP. {@link dev.holdfast.redirector.replay.TwoSites}
 * is what lies around: two LANs, a network between them that can lose and delay, and the guest that
 * moves.
 *
 * <p>TCP is not played back as packets, which would be acknowledgments of what has not arrived: it
 * is re-enacted. Each end is a {@link dev.holdfast.redirector.replay.TcpEnd} with the captured
 * sequence numbers, options and windows. It writes what its side wrote in the capture, when that
 * side had heard what it had heard in the capture, and sends again what is lost as a kernel would.
 * What is judged is the byte stream that the other end receives. A connection that began before the
 * capture did is taken up at the first sequence numbers that are seen. Everything else goes as
 * captured, packet by packet ({@link dev.holdfast.redirector.replay.DatagramFlow}).
 *
 * <p>A packet's time in the capture is taken to be the time at which its sender sent it.
 */
@NullMarked
package dev.holdfast.redirector.replay;

import org.jspecify.annotations.NullMarked;
