/**
 * What the demo saw, judged from captures alone and never from what the program says of itself.
 *
 * <p>Taps read packet headers off interfaces with pcap4j, stamped by the kernel. The client's tap
 * feeds a compact log of TCP headers, from which recovery, silence and the guest's own back-off are
 * worked out; the other taps look for what must never be seen, resets and ICMP errors.
 *
 * <p>The judging classes are pure: they work on a log, wherever it comes from.
 */
@NullMarked
package dev.holdfast.redirector.demo.measure;

import org.jspecify.annotations.NullMarked;
