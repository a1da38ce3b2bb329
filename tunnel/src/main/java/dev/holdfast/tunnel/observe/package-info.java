/**
 * What can be seen of packets on their way: counters, and taps that record.
 *
 * <p>Nothing is dropped without a reason, and every reason is counted here. Observing never changes
 * what happens to a packet, and costs nothing where nobody looks.
 */
@NullMarked
package dev.holdfast.tunnel.observe;

import org.jspecify.annotations.NullMarked;
