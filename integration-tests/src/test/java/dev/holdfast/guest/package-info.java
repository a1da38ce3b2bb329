/**
 * A virtual machine for tests, with a Linux kernel that is not this machine's: it has the devices
 * and modules that this one may lack, and it can be moved.
 *
 * <p>{@code GuestImage} makes what it boots from Debian packages that are downloaded and unpacked
 * but not installed; {@code Guest} runs it under QEMU ({@code Qemu}) and gives it commands. Where
 * it goes is said through QEMU's monitor ({@code Qmp}).
 */
@NullMarked
package dev.holdfast.guest;

import org.jspecify.annotations.NullMarked;
