/**
 * Real name servers, each in a network namespace of its own, with a folder and a process of its
 * own.
 *
 * <p>A {@link dev.holdfast.dns.real.Software} writes down what a {@link
 * dev.holdfast.dns.real.ServedZone} is in its own configuration language, a {@link
 * dev.holdfast.dns.real.RealServer} is a process of it, and a {@link
 * dev.holdfast.dns.real.NameServerLab} is three of them with a client beside: tests say what they
 * need of a server once, for all three kinds.
 */
@NullMarked
package dev.holdfast.dns.real;

import org.jspecify.annotations.NullMarked;
