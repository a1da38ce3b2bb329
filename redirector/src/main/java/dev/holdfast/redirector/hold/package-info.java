/**
 * The queue of packets that arrive while the guest is paused.
 *
 * <p>It is bounded by packets, bytes and age, for each flow, migration and host. Under pressure the
 * segment that the receiver expects next is kept first, because that one gets a blocked connection
 * going again. A retransmission takes the place of what it repeats. Live packets of a flow queue
 * behind its held ones, so the sender makes the order.
 *
 * <p>Pure: what is kept here is copied ahead to the endpoint by others.
 */
@NullMarked
package dev.holdfast.redirector.hold;

import org.jspecify.annotations.NullMarked;
