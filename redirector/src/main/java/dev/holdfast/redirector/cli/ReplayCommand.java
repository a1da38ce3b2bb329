package dev.holdfast.redirector.cli;

import picocli.CommandLine.Command;

/** {@code holdfast replay}: captured traffic as a test. */
@Command(
    name = "replay",
    description = "Replays captured traffic, makes tests of it, and compares captures.",
    commandListHeading = "%nCommands:%n",
    subcommands = {ReplayRun.class, ReplayRecord.class, ReplayDiff.class},
    footerHeading = "%nExamples:%n",
    footer = {
      "  holdfast replay run trace.pcap --old 10.1.0.10 --move-at 12.5s --pause 3s",
      "  holdfast replay record trace.pcap -o web1.pcapng.gz --old 10.1.0.10",
      "  holdfast replay diff before.pcapng after.pcapng --ignore ttl"
    })
final class ReplayCommand extends Noun {}
