/**
 * Views over the bytes of a packet, and the values read from them.
 *
 * <p>A view lays named offsets over a buffer and copies nothing. It is checked once, when a packet
 * comes in; from then on no accessor can run past the end, so the steps that follow need no bounds
 * checks of their own. A small record is the parsed value of what a view shows, for those who have
 * to keep it after the buffer is gone. Super-packets of up to 64 KB, as the kernel's offloads hand
 * them over, are one packet here.
 *
 * <p>Pure: bytes go in and values come out. There is no thread, clock, socket or log in this
 * package.
 */
@NullMarked
package dev.holdfast.tunnel.packet;

import org.jspecify.annotations.NullMarked;
