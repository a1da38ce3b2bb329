/**
 * Carries encapsulated packets between two hosts.
 *
 * <p>A link is a raw socket for IP-in-IP, or a number of TLS 1.3 connections over which the flows
 * are spread, so that one flow's loss does not hold up another. The queue in front of a connection
 * is short and drops what has grown old. What a test or an operator adds (a capture tap, seeded
 * faults, a rate limit, a count) is a link that wraps another link, not a flag inside it.
 */
@NullMarked
package dev.holdfast.tunnel.link;

import org.jspecify.annotations.NullMarked;
