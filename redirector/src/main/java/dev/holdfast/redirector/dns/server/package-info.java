/**
 * A small authoritative name server: one zone, in memory, that takes signed dynamic updates.
 *
 * <p>It stands in for BIND, Knot or PowerDNS where a person wants to see the whole story on one
 * machine, and in tests. A zone is an immutable value; a query reads the one of the moment, an
 * update makes the next one or none, so that an update is atomic and nobody sees half of it.
 * Prerequisites and updates follow RFC 2136 sections 3.1 to 3.4 to the letter, signatures RFC 8945
 * section 5, truncation and EDNS RFC 1035 and 6891. One thread reads UDP, one accepts TCP, each TCP
 * connection has its own; the sockets are made by the thread that calls {@code start}, so that they
 * belong to its network namespace.
 *
 * <p>What is not here: zone transfers, notifies, delegations, wildcards, DNSSEC, recursion, a zone
 * file that survives the process, and grants for single names: a key may change all of the zone.
 */
@NullMarked
package dev.holdfast.redirector.dns.server;

import org.jspecify.annotations.NullMarked;
