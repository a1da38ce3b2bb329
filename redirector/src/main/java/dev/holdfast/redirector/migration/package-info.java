/**
 * One guest's move, from planned to done or rolled back.
 *
 * <p>One enum holds the states with their legal transitions, and one place performs them. Each
 * transition is journalled before it is done and each step has its undo, so a daemon that was
 * killed takes over where it stood. Ownership of the address is an epoch and an owner, recorded at
 * both ends, and moves once: a late message of an older epoch changes nothing.
 *
 * <p>What counts happens within milliseconds of a release, in code that a daemon runs rarely. So it
 * plays a migration to itself when it starts ({@code Rehearsal} and what begins with that word),
 * and arming waits until that is over.
 */
@NullMarked
package dev.holdfast.redirector.migration;

import org.jspecify.annotations.NullMarked;
