/**
 * The traffic of the demo: TCP connections of a real kernel between the client's and the guest's
 * namespaces, and the check that nothing of it was lost.
 *
 * <p>Both ends live in this process: a socket belongs to the namespace in which it was opened and
 * is used from virtual threads afterwards. Each end sends a stream of bytes that a seed determines,
 * and checks what it receives against the other's seed; at the end the SHA-256 sums of both ends,
 * taken over everything, are compared. Each end has a reader, the same for all, and a writer, in
 * which the {@linkplain dev.holdfast.redirector.demo.load.Kind kinds} differ.
 *
 * <p>Bytes are counted by {@linkplain dev.holdfast.redirector.demo.load.Phase phase}: before,
 * during and after the move. A connection has moved when bytes that were written after the move
 * have arrived, in both directions.
 *
 * <p>Not here: what is seen on the wire; that is the captures' to judge.
 */
@NullMarked
package dev.holdfast.redirector.demo.load;

import org.jspecify.annotations.NullMarked;
