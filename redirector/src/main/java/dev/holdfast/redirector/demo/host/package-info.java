/**
 * What the demo runs for real in its lab: two daemons and a name server.
 *
 * <p>Each daemon is a process of its own in its host's namespace, started by {@code holdfast run}
 * from a configuration file and driven through its control socket alone, as an administrator would.
 * The name server is the product's own, embedded in the router's namespace; the daemons know of it
 * what their configuration says.
 */
@NullMarked
package dev.holdfast.redirector.demo.host;

import org.jspecify.annotations.NullMarked;
