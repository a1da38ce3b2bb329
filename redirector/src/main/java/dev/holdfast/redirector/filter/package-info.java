/**
 * What the packet filters of others on this host do with a packet of ours, found out by reading.
 *
 * <p>Two texts are read into one form, {@link dev.holdfast.redirector.filter.FilterTables}: nft's
 * JSON, and what iptables-save prints, for the tables that the iptables tools have made. A {@link
 * dev.holdfast.redirector.filter.Passage} is a packet on one way through the host, as far as it is
 * known; {@link dev.holdfast.redirector.filter.Walk} goes through every base chain of its hooks as
 * the kernel does, in a logic of three values: what a rule asks that is not known of the packet (a
 * port, a set of another program's) is neither true nor false. So the answer is one of: nothing is
 * in the way; this rule is; this one is for what no rule before it accepts; this one may be for
 * some.
 *
 * <p>An {@code accept} ends one base chain only (nft(8), VERDICT STATEMENT): the others of the same
 * hook are walked all the same, which is why no {@code accept} of ours can open the way.
 *
 * <p>Everything here is values: no process is started and nothing is changed. Not here: bridge and
 * netdev families, and NAT.
 */
@NullMarked
package dev.holdfast.redirector.filter;

import org.jspecify.annotations.NullMarked;
