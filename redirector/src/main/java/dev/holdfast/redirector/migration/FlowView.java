package dev.holdfast.redirector.migration;

/**
 * One connection as {@code flow list} prints it.
 *
 * @param protocol tcp, udp, icmp, or the IP protocol number
 * @param state a TCP state of RFC 9293 in lower case, or "active" for others
 * @param ageMillis since it was first seen
 * @param idleMillis since its last packet
 * @param origin how it became known: captured, listed (by the guest), snapshot, seen (in the
 *     tunnel), conntrack (this host's)
 * @param counts why it still counts, a sentence; empty when it does not
 */
public record FlowView(
    String migration,
    String protocol,
    String guest,
    String peer,
    String state,
    long ageMillis,
    long idleMillis,
    long toGuestBytes,
    long fromGuestBytes,
    String origin,
    String counts) {}
