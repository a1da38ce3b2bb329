/**
 * A fuzz target for each parser of what a stranger, a remote host, or another program has written.
 *
 * <p>A target says what must hold for any bytes: nothing is thrown but what the parser documents,
 * nothing is read past the end, and what has passed a check keeps its promise. In the everyday run
 * each is tried with its seeds, which are packets and texts in the code, and with what was ever
 * found, which is kept below {@code src/test/resources} in {@code <Class>Inputs/<method>}. The
 * suite {@code fuzz} ({@link dev.holdfast.fuzz.FuzzSuiteIT}) starts Jazzer for each of them.
 *
 * <p>Parsers that only their own package sees have their targets in that package, in this module.
 */
@NullMarked
package dev.holdfast.fuzz;

import org.jspecify.annotations.NullMarked;
