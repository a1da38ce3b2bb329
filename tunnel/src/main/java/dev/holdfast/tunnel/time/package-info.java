/**
 * Time as a parameter.
 *
 * <p>Code that needs the time is given it, or is given a clock. Only the system clock in this
 * package reads the machine's; a replay on a virtual clock is therefore the same twice, to the
 * byte.
 */
@NullMarked
package dev.holdfast.tunnel.time;

import org.jspecify.annotations.NullMarked;
