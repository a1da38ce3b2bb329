/**
 * What becomes of a packet: tunnel, hold, pass or drop.
 *
 * <p>The verdict is a sealed type, and a drop carries its reason. The same code serves live
 * packets, replayed ones and the question what would happen to a packet that somebody describes.
 *
 * <p>Pure: state, packet and time come in as arguments, and the caller carries out the verdict.
 */
@NullMarked
package dev.holdfast.redirector.decide;

import org.jspecify.annotations.NullMarked;
