/**
 * What is different between two captures, by meaning and not by bytes of files.
 *
 * <p>Packets are paired within their flow and direction, in the order in which they stand there;
 * where each flow's packets stand among those of others does not matter, nor in which format, at
 * what time or behind which link-layer header they were captured. Both files are read once, side by
 * side. A packet that has no equal at the other side's turn waits for it; how the two sides of a
 * flow fit together is decided when 256 of its packets wait, or at the end. 64 MiB wait at most
 * over all flows: then the one that has waited longest is said to be missing.
 *
 * <p>A packet is a list of fields under the names that Wireshark has for them ({@link
 * dev.holdfast.redirector.capturediff.PacketFields}); two packets are the same where all fields are
 * that are not ignored. Checksums are compared by whether they are right: else each hop would
 * differ twice. TCP may be compared as streams of bytes instead ({@link
 * dev.holdfast.redirector.capturediff.StreamPairs}), where segments may be cut differently.
 *
 * <p>Of a capture that is damaged, what is before the damage is compared. What the other one has
 * more is undecided then, and no difference: its equal may be behind the damage.
 *
 * <p>Not here: reassembly of IP fragments, which are compared as they are, and frames without IP,
 * which are counted.
 */
@NullMarked
package dev.holdfast.redirector.capturediff;

import org.jspecify.annotations.NullMarked;
