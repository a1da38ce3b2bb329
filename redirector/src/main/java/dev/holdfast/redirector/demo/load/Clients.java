package dev.holdfast.redirector.demo.load;

import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.tunnel.packet.IpAddress;

/**
 * A machine from which connections are made.
 *
 * @param address from which they are made
 * @param count how many
 */
public record Clients(Namespace machine, IpAddress address, int count) {}
