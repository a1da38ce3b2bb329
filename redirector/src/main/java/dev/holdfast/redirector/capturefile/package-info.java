/**
 * Capture files: pcap and pcapng, packed by gzip or not, read as a stream.
 *
 * <p>A reader goes through the file once, from front to back, with one buffer whose size does not
 * depend on what the file says of itself: a length that lies takes no memory. Each frame is shown
 * in place, so reading allocates nothing for a packet. What follows the first thing that cannot be
 * right is not believed: reading ends there, as at the end of the file, with the offset and the
 * reason ({@link dev.holdfast.redirector.capturefile.CaptureReader#problem}); everything before it
 * has been given.
 *
 * <p>Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng. Link types:
 * https://www.tcpdump.org/linktypes.html.
 */
@NullMarked
package dev.holdfast.redirector.capturefile;

import org.jspecify.annotations.NullMarked;
