/**
 * What {@code holdfast capture} records: packets as they pass the packet path, with what became of
 * each.
 *
 * <pre>
 * packet path -> Tap -> Recording: wanted? -> copied into a Ring | counted as lost     data loop
 *                                              Ring -> Recorder -> pcapng -> socket    a thread of its own
 * </pre>
 *
 * <p>While nobody records, the path asks for a null at each place, and that is all. While somebody
 * does, a packet is looked at where it lies, and copied only where it is wanted: by its place, its
 * migration, its flow, a filter expression, and one of so many. There is no lock between the two
 * threads and nothing is allocated for a packet. What the ring has no room for is counted, and the
 * data loop goes on: a reader who is too slow, or gone, costs packets of his capture and nothing
 * else.
 *
 * <p>The record of a packet that arrives stays open until it is known what has become of it, which
 * is written into the copy; what happens meanwhile (it enters the hold queue, its frame is sent) is
 * recorded behind it.
 *
 * <p>Here is no capture of what other programs send: that is {@code capture}'s, by pcap. Files are
 * written by {@code capturefile}.
 */
@NullMarked
package dev.holdfast.redirector.tap;

import org.jspecify.annotations.NullMarked;
