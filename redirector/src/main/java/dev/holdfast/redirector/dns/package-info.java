/**
 * Moves names from the old address to the new one (RFC 2136, signed with TSIG, RFC 8945).
 *
 * <p>{@link dev.holdfast.redirector.dns.DnsUpdater} holds the configured zones. Its {@code plan}
 * reads the name's A and AAAA sets at the zone's configured server, which must have authority over
 * them: no resolver, whose cache may be stale, is ever asked. {@link
 * dev.holdfast.redirector.dns.DnsChange} is one migration's change, in steps that block and that
 * the migration engine runs on a thread of its own, so that DNS that is slow or down never delays
 * the redirect:
 *
 * <ol>
 *   <li>{@code arm} lowers the TTL, and remembers the one that there was;
 *   <li>{@code publish} replaces the old address by compare-and-swap: each whole set as it was read
 *       is the prerequisite, A and AAAA go in one message, other records of the name stay. NXRRSET
 *       means reading back: what is ours already is the success of an update whose answer got lost;
 *       all else is a conflict, reported and never overwritten;
 *   <li>{@code awaitServers} asks every server in the zone's NS set until it gives the new address.
 *       The last stale second, with which draining begins, is the later of (the last server shows
 *       the lowered TTL + the old TTL) and (the last server gives the new address + the lowered
 *       TTL);
 *   <li>{@code finish} restores the TTL; {@code rollback} puts all of it back by compare-and-swap.
 * </ol>
 *
 * <p>{@link dev.holdfast.redirector.dns.DnsState} is what the journal keeps. The listener gets it
 * before anything is sent, and each step may be asked for again after a crash.
 *
 * <p>An answer is believed when its signature is right. A server that does not know the key, or
 * finds our signature wrong, cannot sign its answer: that is taken for the refusal that it is and
 * for nothing else. PTR records follow where a reverse zone is configured, after the name itself;
 * trouble with them is told, stops nothing, and they are tried again at the end.
 *
 * <p>A guest with several names has a change for each: one message for each name, and no name waits
 * for another, so that a zone that refuses or is down leaves the others alone.
 *
 * <p>Servers differ in what a key may be granted. BIND and Knot limit it to names and types, and
 * {@link dev.holdfast.redirector.dns.DnsCheck} finds that out by deleting what is not there;
 * PowerDNS grants whole zones, and does not say whether it was the key, the secret or the grant.
 *
 * <p>What is not here: resolving, GSS-TSIG and SIG(0), DNSSEC validation, zone transfer. The {@code
 * server} package below is a server for the demo and for tests.
 */
@NullMarked
package dev.holdfast.redirector.dns;

import org.jspecify.annotations.NullMarked;
