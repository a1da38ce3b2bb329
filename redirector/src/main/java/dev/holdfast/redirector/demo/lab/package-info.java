/**
 * The ground on which the demo and the scenario tests play: real network namespaces of this
 * machine's kernel.
 *
 * <pre>
 *                    client 10.9.0.2
 *                       | eth0
 *                       | to-client 10.9.0.1
 *                    router ----------------------- [wan0 == delay == wan0 gateway]
 *                       | to-old 10.1.0.1              | to-new 10.2.0.1
 *                       | eth0                         | eth0
 *                 +-----+------+                 +-----+------+
 *                 | old host   |                 | new host   |
 *   peer ---- vnet4  br0       |                 | br0        |
 *   10.1.0.20     | 10.1.0.2   |                 | 10.2.0.2   |
 *                 +---- vnet3 -+                 +---- vnet7 -+
 *                         \                            /
 *                        old \        cable         / new
 *                              ------ bridge ------
 *                                       | guest
 *                                       | eth0 52:54:00:10:00:10
 *                                     guest 10.1.0.10, later 10.2.0.10
 * </pre>
 *
 * <p>IPv6 is alike: fd00:9::/64, fd00:1::/64 and fd00:2::/64 with the same last numbers. The guest
 * hangs on a namespace that is nothing but a cable, so that its network card stays its own while it
 * is unplugged here and plugged in there. The gateway exists only where a delay between the sites
 * is asked for; else the router is 10.2.0.1 itself.
 *
 * <p>Everything is made through {@link dev.holdfast.redirector.demo.lab.Cleanup}, which undoes it
 * in reverse order on success, on failure and when the process is interrupted. Names of namespaces
 * carry this process's id, so that two labs do not meet.
 *
 * <p>Not here: what runs in the namespaces, and how it is judged.
 */
@NullMarked
package dev.holdfast.redirector.demo.lab;

import org.jspecify.annotations.NullMarked;
