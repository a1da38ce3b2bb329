package dev.holdfast.redirector.steer;

import java.util.List;

/**
 * One change of this host's kernel as a value: it can be printed, applied, undone, and found again
 * after a crash.
 *
 * <p>Applying is idempotent, and undoing what was never applied (or is gone already) is no error.
 *
 * @param what one line for people: "add route 10.1.0.10/32 via hf0 in table 4754"
 * @param apply commands in order
 * @param undo commands in order that take it back; empty when the change vanishes with another
 * @param undoWhat one line for people
 */
public record KernelChange(String what, List<Command> apply, String undoWhat, List<Command> undo) {

  /** One command for one of the kernel's doors. */
  public sealed interface Command {
    /** Arguments of {@code ip}, without the leading word. */
    record Ip(String arguments) implements Command {}

    /** A script for nft, run as one transaction. */
    record Nft(String script) implements Command {}

    /** Writes a sysctl; the path has dots or slashes, relative to /proc/sys. */
    record Sysctl(String path, String value) implements Command {}

    /** Arguments of {@code conntrack}, to delete what this host tracks; without the tool's name. */
    record Conntrack(String arguments) implements Command {}

    /**
     * Writes {@code before} back, but only while the sysctl still has the value that we gave it:
     * what somebody else has written since then stays.
     */
    record SysctlBack(String path, String ours, String before) implements Command {}
  }
}
