/**
 * System calls through the foreign function and memory interface, and nothing else.
 *
 * <p>There is one class for each family of calls: {@code Libc} for descriptors, {@code Sockets} and
 * {@code MessageVector} for sockets, {@code Nftables} for libnftables, {@code LibPcap} for
 * libpcap's compiler of filters. Each call is bound once, when its class is first used, with the
 * constants it takes beside it and the header file that they come from. Numbers and layouts are
 * those of Linux on 64-bit little-endian machines.
 *
 * <p>Calls come in two manners. Those made once in a while throw a {@link SysException}, which
 * carries {@code errno} and says in words what it means. Those made for each packet take addresses
 * as {@code long}, allocate nothing, and return the negative {@code errno} instead, because most of
 * their failures ("would block") are everyday. {@code errno} is captured by the linker within the
 * call, into memory that each thread owns and the collector frees after the thread is gone; a call
 * interrupted by a signal is made again.
 *
 * <p>No policy lives here, and no memory is owned here except by the classes that say so. Only
 * {@code device} and {@code link} may use this package; an architecture test holds that.
 */
@NullMarked
package dev.holdfast.tunnel.sys;

import org.jspecify.annotations.NullMarked;
