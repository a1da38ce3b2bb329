/**
 * Carries packets and what belongs to them between two hosts.
 *
 * <p>A {@code Link} is one way to one remote host for one migration. {@code TlsLink} is a TLS 1.3
 * connection with frames in it: a {@code FrameConnection} is the connection's last handler, its
 * {@code FrameWriter} lays frames into pieces of a record's size until the batch is flushed, its
 * {@code FrameReader} finds them again in whatever pieces they come. A frame that lies about its
 * length or type ends the connection and is counted: a stream that has lost its step is of no use.
 *
 * <p>What waits in front of a connection is bounded in bytes and the sender is told when it is
 * full; packets are refused long before anything else is. The kernel is given little more than it
 * can send at once, so that the queue is where its length is known.
 *
 * <p>{@code IpInIpLink} has no connection and no cryptography: it cuts super-packets up, puts an
 * outer IPv4 header before each and hands them to a raw socket. All such links of a daemon share
 * the sockets of one {@code IpInIpReceiver}, which gives what arrives to whoever is registered for
 * the outer source address. Only packets go this way; staging and markers need a {@code TlsLink}.
 *
 * <p>What a test or an operator adds (a count, seeded faults) is a link that wraps another link,
 * not a flag inside it; {@code LoopbackLink} is two links in memory.
 *
 * <p>Not here: who may connect and what a connection is for ({@code endpoint}), certificates
 * ({@code identity}), and opening a link again after it went down, which is for whoever wanted it.
 */
@NullMarked
package dev.holdfast.tunnel.link;

import org.jspecify.annotations.NullMarked;
