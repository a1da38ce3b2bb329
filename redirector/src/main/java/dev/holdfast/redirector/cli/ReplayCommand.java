package dev.holdfast.redirector.cli;

import picocli.CommandLine.Command;

/** {@code holdfast replay}: captured traffic. */
@Command(
    name = "replay",
    description = "Replays captured traffic, and works on captures.",
    commandListHeading = "%nCommands:%n",
    subcommands = ReplayRunCommand.class)
final class ReplayCommand extends Noun {}
