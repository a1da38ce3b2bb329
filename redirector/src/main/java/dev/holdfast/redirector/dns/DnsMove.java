package dev.holdfast.redirector.dns;

import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;

/**
 * What is to change in DNS for one migration: in the records of {@code name}, each old address
 * becomes the new one of its family; other records stay.
 */
public record DnsMove(String name, List<IpAddress> oldAddresses, List<IpAddress> newAddresses) {}
