/**
 * Kernel changes on a real kernel, without a daemon: what captures, delivers, answers and keeps
 * silent, and that its undo leaves nothing.
 *
 * <p>{@code Rig} is one host that steers, as the daemon does it, with a TUN whose packets the test
 * reads; {@code OldSite} and {@code NewSite} put guests, neighbours and routers around it.
 */
package dev.holdfast.steer;
