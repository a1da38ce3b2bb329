/**
 * What a replay has found out, for people and for programs: text, JSON, JUnit XML and TAP, and the
 * limits that somebody expects it to keep.
 *
 * <p>The text begins with whether the move was good, and ends with what to look at where it was
 * not: who reads it knows that in the first line.
 */
@NullMarked
package dev.holdfast.redirector.replay.report;

import org.jspecify.annotations.NullMarked;
