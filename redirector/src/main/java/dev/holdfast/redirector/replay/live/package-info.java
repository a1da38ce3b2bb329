/**
 * The real network of a live replay: frames in and out of interfaces, ARP and neighbour discovery,
 * and the commands that move the guest.
 *
 * <p>The engine is the offline one; {@link dev.holdfast.redirector.replay.LiveLine} is where it
 * ends and this begins. Both ends are played here, at two interfaces or, where the guest has
 * another one after its move, three:
 *
 * <pre>
 * peers at --peer-interface ... real hosts ... --guest-interface: the guest, before
 *                                          ... --guest-interface-after: and after
 * </pre>
 *
 * <p>The played addresses are nobody's as far as this machine's kernel knows, and the played MACs
 * are not its interfaces' either: so the kernel takes frames to them for somebody else's, and
 * neither resets connections it knows nothing of nor forwards packets. Routers and bridges ask for
 * the addresses by ARP and neighbour discovery, and are answered here. Whoever plays addresses that
 * others have makes trouble for them: so public addresses, and addresses of this machine, are
 * refused, and nothing is sent that is not between the guest and a peer of the capture.
 */
@NullMarked
package dev.holdfast.redirector.replay.live;

import org.jspecify.annotations.NullMarked;
