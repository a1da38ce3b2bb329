/**
 * The whole story on one machine: network namespaces, real TCP, real DNS and a report.
 *
 * <p>It drives the same code as the daemon. It may read the clock and use pcap4j, because it stands
 * outside the product's packet path and judges it.
 */
@NullMarked
package dev.holdfast.redirector.demo;

import org.jspecify.annotations.NullMarked;
