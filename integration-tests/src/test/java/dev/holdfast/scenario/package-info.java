/**
 * Whole stories: two or three real daemons in network namespaces, real TCP through them, and what a
 * user sees.
 *
 * <p>The lab is the demo's ({@code redirector.demo.lab}), with {@code Scenario} to play a move in
 * it; {@code Holdfast}, {@code Sites} and {@code TwoHosts} start daemons where a story needs
 * something else. A class whose name ends in IT runs in {@code ./verify}, unless it or its method
 * has the tag of a suite. Every class gets namespaces of its own names and leaves none.
 */
package dev.holdfast.scenario;
