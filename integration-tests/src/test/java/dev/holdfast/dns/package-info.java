/**
 * Dynamic DNS with real name servers. {@code Bind9IT} is BIND alone; {@code DnsContractIT} asks the
 * same of BIND, Knot and PowerDNS, each started from a configuration of package {@code real};
 * {@code LossyProxy} stands between where answers are to be lost, late or refused.
 */
package dev.holdfast.dns;
