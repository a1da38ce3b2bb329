/** TUN devices, packet and raw sockets, namespaces and libnftables on a real kernel. */
package dev.holdfast.device;
