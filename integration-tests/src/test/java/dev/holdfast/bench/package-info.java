/**
 * Figures that are printed and not judged: how fast something is on this machine. Each is measured
 * in a JVM of its own that has the launcher's options, since others' garbage and others' profiles
 * would be in it otherwise.
 */
@NullMarked
package dev.holdfast.bench;

import org.jspecify.annotations.NullMarked;
