/**
 * How the daemon is spoken to: by its command line, by tools, and by the daemon of another host.
 *
 * <p>The interface on this host is HTTP/1.1 and JSON over a Unix socket, with a stream of events.
 * Between two hosts it is always mutual TLS 1.3, whatever carries the packets.
 */
@NullMarked
package dev.holdfast.redirector.control;

import org.jspecify.annotations.NullMarked;
