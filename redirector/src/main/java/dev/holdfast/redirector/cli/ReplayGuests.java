package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.replay.CaptureScan;
import dev.holdfast.redirector.replay.GuestPlan;
import dev.holdfast.redirector.replay.Replay;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of {@code replay run} about who moves and when, and what stands in for them. */
final class ReplayGuests {
  private static final Duration USUAL_PAUSE = Duration.ofSeconds(1);
  private static final int NAMED = 5;

  @Option(
      names = "--old",
      split = ",",
      hideParamSyntax = true,
      paramLabel = "ADDRESS",
      description = {
        "The guest's old address; may be given several times.",
        "Default: whoever serves in nearly all packets."
      })
  private List<String> olds = List.of();

  @Option(
      names = "--move-at",
      paramLabel = "WHEN",
      converter = ReplayTimes.Moment.class,
      description = {
        "When the guest is paused: 12.5s after the first packet, or packet:340.",
        "Default: half-way through the capture."
      })
  private GuestPlan.@Nullable Move moveAt;

  @Option(
      names = "--pause",
      paramLabel = "TIME",
      converter = TimeOption.class,
      description = "How long until it runs at the new host. Default: 1s")
  private @Nullable Duration pause;

  @Option(
      names = "--guest",
      paramLabel = "ADDRESSES@WHEN+PAUSE",
      converter = ReplayTimes.GuestOption.class,
      description = "In place of --old, --move-at and --pause, where several guests move.")
  private List<GuestPlan> guests = new ArrayList<>();

  private List<IpAddress> addresses = List.of();

  /** Whether more than one guest moves. */
  boolean areSeveral() {
    return guests.size() > 1;
  }

  /** Finds what is wrong, before anything is read. */
  void check() throws CommandFailed {
    if (!guests.isEmpty() && (!olds.isEmpty() || moveAt != null || pause != null)) {
      throw CommandFailed.usage("Give --guest, or --old, --move-at and --pause, not both.");
    }
    List<IpAddress> parsed = new ArrayList<>();
    for (String old : olds) {
      parsed.add(OptionValues.value("--old", old, IpAddress::parse));
    }
    addresses = parsed;
    requireDifferent(addresses);
    requireDifferent(guests.stream().flatMap(guest -> guest.olds().stream()).toList());
  }

  private static void requireDifferent(List<IpAddress> addresses) throws CommandFailed {
    for (IpAddress address : addresses) {
      if (addresses.indexOf(address) != addresses.lastIndexOf(address)) {
        throw CommandFailed.usage(address + " is given twice: an address is one guest's.");
      }
    }
  }

  /** Where nobody has said when: it stays. */
  void stayUnlessTold() {
    moveAt = moveAt == null ? new GuestPlan.Move.Never() : moveAt;
  }

  /**
   * Refuses what can be read once only, such as a pipe, where it would have to be read again.
   *
   * @param isLive whether it is looked through in any case
   */
  void checkReadable(Path file, boolean isLive) throws CommandFailed {
    if (!Files.exists(file) || Files.isDirectory(file) || Files.isRegularFile(file)) {
      return;
    }
    if (isLive) {
      throw CommandFailed.usage(
          file
              + " is no regular file, and --live reads a capture twice: write it to a file first.");
    }
    if (needsLook()) {
      throw CommandFailed.usage(
          file
              + " is no regular file and can be read only once: give --old and --move-at, which"
              + " would be found out by reading it before, or write it to a file first.");
    }
  }

  private boolean needsLook() {
    return guests.isEmpty() && (addresses.isEmpty() || moveAt == null);
  }

  /**
   * Who moves; what was not said is taken from a look through the capture.
   *
   * @param remark is told whom the guest is taken to be
   */
  List<GuestPlan> of(Path file, Replay.Watch watch, Consumer<String> remark)
      throws IOException, CommandFailed {
    if (!guests.isEmpty()) {
      return guests;
    }
    List<IpAddress> who = addresses;
    GuestPlan.Move move = moveAt;
    if (who.isEmpty() || move == null) {
      CaptureScan scan;
      try (CaptureReader reader = CaptureReader.open(file)) {
        scan = CaptureScan.of(reader, watch);
      }
      move = move == null ? new GuestPlan.Move.AtTime(scan.durationNanos() / 2) : move;
      if (who.isEmpty()) {
        who = guessed(file, scan, remark);
      }
    }
    return List.of(new GuestPlan(who, move, (pause == null ? USUAL_PAUSE : pause).toNanos()));
  }

  private static List<IpAddress> guessed(Path file, CaptureScan scan, Consumer<String> remark)
      throws CommandFailed {
    List<IpAddress> guest = scan.guest();
    if (guest.isEmpty()) {
      List<IpAddress> busiest = scan.busiest(NAMED);
      throw CommandFailed.usage(
          busiest.isEmpty()
              ? file + " has no IP packets that could be replayed."
              : "Which address of %s is the guest's? Give it with --old; the busiest are %s."
                  .formatted(file, listed(busiest)));
    }
    remark.accept(
        "%s: the guest is taken to be %s; --old says otherwise.".formatted(file, listed(guest)));
    return guest;
  }

  private static String listed(List<IpAddress> addresses) {
    return addresses.stream().map(IpAddress::toString).collect(Collectors.joining(", "));
  }
}
