/**
 * What becomes of a packet: tunnel, hold, pass, reject or drop.
 *
 * <p>{@link Decision} asks the rules in a fixed order, and the first that applies decides. Each
 * {@link Rule} has a verdict and the reason for it; the verdict is a sealed type, and a drop
 * carries the reason under which it is counted. The same code serves live packets, replayed ones
 * and the question what would happen to a packet that somebody describes.
 *
 * <p>What is not here: whether the packet fits the path or has hops left, which the encapsulation
 * knows, and carrying out the verdict, which is the caller's.
 *
 * <p>Pure: state, packet and flow come in as arguments, and nothing is changed or allocated.
 */
@NullMarked
package dev.holdfast.redirector.decide;

import org.jspecify.annotations.NullMarked;
