package dev.holdfast.redirector.path;

/**
 * What the packet path need not know of a migration, and whoever reads an explanation wants to.
 *
 * @param lan the interface of the guest's LAN on this host; "" where it is not known
 * @param device name of the TUN
 * @param keepsTtl no hop is taken here
 * @param assumed it is described, not running: its flows and connections are not known
 */
public record MigrationFacts(
    String name,
    String remote,
    boolean byPcap,
    String lan,
    String device,
    boolean keepsTtl,
    boolean assumed) {}
