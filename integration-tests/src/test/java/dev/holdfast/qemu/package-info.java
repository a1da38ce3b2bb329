/**
 * A QEMU guest that live-migrates from one site to the other, beside two real daemons, while
 * clients talk to it.
 *
 * <pre>
 *    client ---- router ---- [WAN] ---- gateway          Lab: the demo's, without its guest
 *                  |                       |
 *               host-a                  host-b           DemoHost: a daemon each
 *      br0 - vnet3 - QEMU ==== TCP ===&gt; QEMU - vnet7 - br0
 *            |  | monitors               |  | monitors
 *         hook  test                  hook  test         HookProcess, Qmp
 * </pre>
 *
 * <p>{@code QemuLab} is all of that; {@code LiveMigration} is one of QEMU's own migrations, {@code
 * GuestMove} one that is made beside Holdfast, and {@code LineClient} who talks and must not
 * notice. Real programs do so too: {@code GuestServers} are a web server and an SSH server in the
 * guest, {@code GuestVisit} is curl and ssh at them. The suite is {@code tools}; {@code QemuIT} is
 * its short form.
 */
@NullMarked
package dev.holdfast.qemu;

import org.jspecify.annotations.NullMarked;
