/**
 * The kernel changes that bring packets to us and take them on.
 *
 * <p>Each change is a value that can be printed, applied, undone, and found again after a crash.
 * They are applied in batches through {@code ip} and {@code nft} behind one interface. Hold and
 * release create no kernel object: all of them exist since arm, switched off.
 */
@NullMarked
package dev.holdfast.redirector.steer;

import org.jspecify.annotations.NullMarked;
