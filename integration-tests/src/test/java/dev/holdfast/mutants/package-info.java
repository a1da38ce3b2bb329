/**
 * Code that is broken on purpose, one small change at a time, for whoever wants to know whether his
 * tests would notice.
 *
 * <pre>
 * one source file, changed -> javac -> overlay/ | classes as they are -> class loader -> the tests
 * </pre>
 */
@NullMarked
package dev.holdfast.mutants;

import org.jspecify.annotations.NullMarked;
