/**
 * One guest's move, from planned to done or rolled back.
 *
 * <p>One enum holds the states with their legal transitions, and one place performs them. Each
 * transition is journalled before it is done and each step has its undo, so a daemon that was
 * killed takes over where it stood. Ownership of the address is an epoch and an owner, recorded at
 * both ends, and moves once: a late message of an older epoch changes nothing.
 */
@NullMarked
package dev.holdfast.redirector.migration;

import org.jspecify.annotations.NullMarked;
