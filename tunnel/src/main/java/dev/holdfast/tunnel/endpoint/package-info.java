/**
 * This host's end of all tunnels: who is at the other end, and what they say to each other.
 *
 * <p>{@code TunnelEndpoint} listens on one port and dials other hosts ({@code Dial}). Both sides of
 * a connection prove who they are in the TLS handshake; the fingerprint of the certificate, never
 * the address, says which remote host it is. The first frame says what the connection is for: a
 * hello makes it a {@code ControlChannel}, a BIND with a token makes it a data link of one
 * migration ({@code Greeting}). What has said nothing after some seconds is closed, and only so
 * many such connections may exist.
 *
 * <p>A control channel carries {@code ControlMessage}s in order, in the form of {@code
 * ControlCodec}: kind, length, fields, where later versions may append. Keepalives measure the
 * round trip and the offset of the clocks, and find out that a channel is dead. Nothing a peer
 * sends is believed before it is checked, proven or not.
 *
 * <p>Everything runs on one event loop. Not here: what the messages mean, when to dial again, and
 * what a proven host is granted; those are the migration engine's.
 *
 * <p>Dependencies point one way: endpoint uses {@code link}, which uses {@code encap}, which uses
 * {@code packet}.
 */
@NullMarked
package dev.holdfast.tunnel.endpoint;

import org.jspecify.annotations.NullMarked;
