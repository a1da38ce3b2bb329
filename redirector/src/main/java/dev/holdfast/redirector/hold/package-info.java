/**
 * The packets that arrive while the guest is paused: at the old host the {@link HoldQueue}, and
 * copies of them at the new one, the {@link StagingQueue}.
 *
 * <p>A queue is bounded by packets, bytes and age, for each flow, migration and host. Three things
 * decide who stays when there is no room:
 *
 * <ul>
 *   <li>The standing of the flow ({@link Share}): lone SYNs and datagrams may fill a small part,
 *       connections that the guest was never heard on half, the others nearly all. Nobody displaces
 *       a flow of better standing, so a flood displaces only itself.
 *   <li>Among connections of one standing the heaviest gives first ({@link HeaviestFirst}).
 *   <li>Within a connection ({@link TcpQueue}) the segment that the guest expects next is kept
 *       first, because that one gets a blocked connection going again; then the highest
 *       acknowledgment, then FIN and RST, then bytes by rising sequence.
 * </ul>
 *
 * <p>A retransmission takes the place of what it repeats but stands in the queue where it arrived:
 * what survives is delivered in the order of arrival, which keeps timestamps rising (RFC 7323
 * section 5.3). Live packets of a flow queue behind its held ones, so the sender makes the order.
 *
 * <p>What is not here: sending. A {@link HoldQueue.Mirror} is told what is held and what is not any
 * more, and copies it ahead to the endpoint. {@link Departures} are shown while somebody records
 * them.
 *
 * <p>Pure: time comes in as an argument. One thread owns a queue; buffers belong to it, and it
 * releases each one.
 */
@NullMarked
package dev.holdfast.redirector.hold;

import org.jspecify.annotations.NullMarked;
