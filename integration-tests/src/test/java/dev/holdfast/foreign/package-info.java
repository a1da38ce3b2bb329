/**
 * Captures that other programs have written: each is read whole, and gives as many packets as they
 * count themselves; fixtures of them have right checksums in the eyes of those programs.
 */
@NullMarked
package dev.holdfast.foreign;

import org.jspecify.annotations.NullMarked;
