/**
 * The golden captures ({@code integration-tests/golden}), and what makes them again.
 *
 * <pre>
 *  GoldenCase.make -> kernels' own TCP and UDP in GoldenLab -> tcpdump (Recording)
 *  GoldenCase.read <- Capture <- SeenPacket: has it the property that it is for?
 *       CaseFolder -> capture.*, how.md, connections.toml, the head of case.toml
 * </pre>
 *
 * <p>A case is a kind of traffic. {@code GoldenSuiteIT} makes all of them anew; {@code
 * GoldenCapturesTest} asks of the ones in the tree what {@code GoldenCase.read} asks of a new one,
 * in every run and without a network. What a capture holds is read off here by a reader of its own
 * and not by the product's, which the captures are to judge.
 */
@NullMarked
package dev.holdfast.golden;

import org.jspecify.annotations.NullMarked;
