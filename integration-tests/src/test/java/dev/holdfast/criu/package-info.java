/**
 * A program in a container that CRIU dumps on one host and restores on another.
 *
 * <p>{@code CriuContainer} is the container and what CRIU does with it, by Debian's own program;
 * {@code LineClients} are who has connections with it.
 */
@NullMarked
package dev.holdfast.criu;

import org.jspecify.annotations.NullMarked;
