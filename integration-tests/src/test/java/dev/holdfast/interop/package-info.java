/**
 * IP-in-IP against a far end that is not Holdfast: the tunnel devices of a Linux guest's kernel
 * ({@code dev.holdfast.guest}). On this side are the objects that carry packets in a daemon; two
 * ends of our own could be wrong alike.
 */
@NullMarked
package dev.holdfast.interop;

import org.jspecify.annotations.NullMarked;
