/**
 * How migration tools drive a daemon: what they say is turned into hold, release and rollback.
 *
 * <pre>
 *  QEMU --QMP--> QmpMonitor -> QmpCourse (what it means) -> QmpWatch (does it) -+
 *  libvirt hook, domain XML ------------------------------> LibvirtHook --------+
 *  CRIU action script, environment -----------------------> CriuHook -----------+-> Triggers -> API
 *  Proxmox hookscript, arguments -------------------------> ProxmoxHook --------+
 *
 *  daemon's states and alerts --> UserHooks --> commands of the user's own, JSON on their stdin
 * </pre>
 *
 * <p>A tool says everything twice, or late, or not at all. {@link
 * dev.holdfast.redirector.hook.Triggers} is the one place that knows what is harmless: a hold of
 * what is held, a release of what was released, a rollback of what was rolled back. What a tool
 * means by its words is decided in a table for each tool, apart from doing it, so that recorded
 * orders of events can be played through it.
 *
 * <p>Nothing here is trusted with a guest's life: where it cannot be known whether the guest runs,
 * nothing is done, and a sentence says what a person may do.
 */
@NullMarked
package dev.holdfast.redirector.hook;

import org.jspecify.annotations.NullMarked;
