/**
 * Moves names from the old address to the new one (RFC 2136, signed with TSIG, RFC 8945).
 *
 * <p>An update replaces the old address by compare-and-swap: the record set as it was read is the
 * prerequisite, and other records of the name stay. Afterwards every authoritative server is asked
 * until it gives the new address; from that and the TTLs follows the last second in which a cache
 * may still say "old", and with it the start of draining. DNS that is slow or down never delays the
 * redirect.
 */
@NullMarked
package dev.holdfast.redirector.dns;

import org.jspecify.annotations.NullMarked;
