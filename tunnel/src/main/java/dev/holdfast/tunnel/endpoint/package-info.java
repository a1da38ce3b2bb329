/**
 * The far end of a tunnel: the host where the guest runs now.
 *
 * <p>Frames of a proven host are unwrapped and checked against its grants. Before release they are
 * staged, so that release is a local act that waits for nothing from the old host; from then on
 * they are delivered towards the guest, and the guest's replies go back the way the return path
 * says.
 *
 * <p>Dependencies point one way: endpoint uses {@code link}, which uses {@code encap}, which uses
 * {@code packet}.
 */
@NullMarked
package dev.holdfast.tunnel.endpoint;

import org.jspecify.annotations.NullMarked;
