package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.replay.AddressTranslation;
import dev.holdfast.redirector.replay.GuestPlan;
import dev.holdfast.redirector.replay.LiveFailed;
import dev.holdfast.redirector.replay.LivePlay;
import dev.holdfast.redirector.replay.Pace;
import dev.holdfast.redirector.replay.PlayedAddresses;
import dev.holdfast.redirector.replay.Points;
import dev.holdfast.redirector.replay.Replay;
import dev.holdfast.redirector.replay.ReplayOptions;
import dev.holdfast.redirector.replay.ReplayReport;
import dev.holdfast.redirector.replay.live.LiveOptions;
import dev.holdfast.redirector.replay.live.LiveOptions.Place;
import dev.holdfast.redirector.replay.live.PcapLine;
import dev.holdfast.redirector.replay.live.Rehearsal;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParseResult;

/** The options of {@code replay run --live}, and what they come to. */
final class ReplayLive {
  private static final BigDecimal FASTEST = BigDecimal.valueOf(1_000);
  private static final BigDecimal SLOWEST = BigDecimal.valueOf(1, 3);
  private static final BigDecimal MOST_PPS = BigDecimal.valueOf(10_000_000);

  /** Of the network and the hosts that are emulated where nothing is live. */
  private static final List<String> OFFLINE_ONLY =
      List.of(
          "--delay",
          "--peer-delay",
          "--loss",
          "--reorder",
          "--duplicate",
          "--mtu",
          "--outage",
          "--config",
          "--encapsulation",
          "--hold",
          "--drain-after",
          "--seed",
          "--digest");

  private static final List<String> LIVE_ONLY =
      List.of(
          "--peer-interface",
          "--guest-interface",
          "--guest-interface-after",
          "--peer-gateway",
          "--guest-gateway",
          "--guest-gateway-after",
          "--guest-mac",
          "--on-move",
          "--on-resume",
          "--speed",
          "--pps",
          "--as-fast-as-possible",
          "--map",
          "--any-address");

  @Option(
      names = "--live",
      description = {
        "Plays both ends through real interfaces and the hosts between them, in real time.",
        "Needs CAP_NET_RAW. Addresses and MACs of the ends are nobody's else: they are answered",
        "for (ARP, neighbour discovery) by the replay itself, and its machine's kernel knows",
        "nothing of them. The options of the network and the hosts do not go with it."
      })
  private boolean on;

  @Option(
      names = "--peer-interface",
      paramLabel = "INTERFACE",
      description = "Where the peers are played.")
  private @Nullable String peerInterface;

  @Option(
      names = "--guest-interface",
      paramLabel = "INTERFACE",
      description = "Where the guest is played, before it moves.")
  private @Nullable String guestInterface;

  @Option(
      names = "--guest-interface-after",
      paramLabel = "INTERFACE",
      description = "Where it is played after its move. Default: the same.")
  private @Nullable String guestInterfaceAfter;

  @Option(
      names = "--peer-gateway",
      split = ",",
      hideParamSyntax = true,
      paramLabel = "WHO",
      description = {
        "To whom the peers' frames go: a MAC, or a router's addresses, whose MAC is asked for.",
        "Default: the receiver of each packet is asked for."
      })
  private List<String> peerGateway = List.of();

  @Option(
      names = "--guest-gateway",
      split = ",",
      hideParamSyntax = true,
      paramLabel = "WHO",
      description = "The same, of the guest's frames.")
  private List<String> guestGateway = List.of();

  @Option(
      names = "--guest-gateway-after",
      split = ",",
      hideParamSyntax = true,
      paramLabel = "WHO",
      description = "The same, after its move. Default: as before, and asked for again.")
  private List<String> guestGatewayAfter = List.of();

  @Option(
      names = "--guest-mac",
      paramLabel = "MAC",
      description = "The guest's. Default: one that is made up.")
  private @Nullable String guestMac;

  @Option(
      names = "--on-move",
      paramLabel = "COMMAND",
      description = {
        "Is run by sh at --move-at, such as 'holdfast migration hold web1'; the guest is paused",
        "when it has ended."
      })
  private @Nullable String onMove;

  @Option(
      names = "--on-resume",
      paramLabel = "COMMAND",
      description = "Is run when the guest is at its new place, such as a release.")
  private @Nullable String onResume;

  @Option(
      names = "--speed",
      paramLabel = "TIMES",
      description = "How many times as fast as captured: 2, or 0.5. Default: 1")
  private @Nullable String speed;

  @Option(
      names = "--pps",
      paramLabel = "NUMBER",
      description = "So many packets of the capture a second, whenever they were captured.")
  private @Nullable String pps;

  @Option(
      names = "--as-fast-as-possible",
      description = "Each packet as soon as the one before it is out.")
  private boolean atOnce;

  @Option(
      names = "--map",
      split = ",",
      hideParamSyntax = true,
      paramLabel = "CAPTURED=PLAYED",
      description = {
        "Plays another address than the capture has; may be given several times.",
        "--old and --guest name captured ones."
      })
  private List<String> map = List.of();

  @Option(
      names = "--any-address",
      description = "Plays public addresses too, and this machine's own.")
  private boolean anyAddress;

  boolean isOn() {
    return on;
  }

  /** Finds what does not go together, before anything is read. */
  void check(ParseResult given, int files) throws CommandFailed {
    for (String name : on ? OFFLINE_ONLY : LIVE_ONLY) {
      if (given.hasMatchedOption(name)) {
        throw CommandFailed.usage(
            on
                ? name + " is for a replay that is not live: here the real network and hosts count."
                : name + " needs --live.");
      }
    }
    if (!on) {
      return;
    }
    if (files != 1) {
      throw CommandFailed.usage("--live takes one capture at a time: a guest moves once.");
    }
    if (peerInterface == null || guestInterface == null) {
      throw CommandFailed.usage(
          "--live needs --peer-interface and --guest-interface: where the two ends are played.");
    }
    if (peerInterface.equals(guestInterface) || peerInterface.equals(guestInterfaceAfter)) {
      throw CommandFailed.usage(
          "The peers and the guest need an interface each: nothing would lie between them on "
              + peerInterface
              + ".");
    }
    Pace unused = pace();
    AddressTranslation alsoUnused = addressMap();
    LiveOptions neitherUsed = options();
  }

  /** Refuses what this process may not do, before anything is read. */
  void checkPrivileges(Surroundings surroundings) throws CommandFailed, IOException {
    if (on && Privileges.missing(surroundings.processStatus()).contains("CAP_NET_RAW")) {
      throw CommandFailed.refused(
          "A live replay needs CAP_NET_RAW, to send frames and to take those for the ends that it"
              + " plays; run it as root.");
    }
  }

  /** Whether the options say that the guest moves; otherwise it need not. */
  boolean moves() {
    return onMove != null || onResume != null || guestInterfaceAfter != null;
  }

  Pace pace() throws CommandFailed {
    if ((speed == null ? 0 : 1) + (pps == null ? 0 : 1) + (atOnce ? 1 : 0) > 1) {
      throw CommandFailed.usage("Give one of --speed, --pps and --as-fast-as-possible.");
    }
    if (atOnce) {
      return new Pace.AtOnce();
    }
    if (pps != null) {
      return new Pace.Rate(number("--pps", pps, SLOWEST, MOST_PPS));
    }
    return speed == null
        ? Pace.AS_CAPTURED
        : new Pace.Speed(number("--speed", speed, SLOWEST, FASTEST));
  }

  private static BigDecimal number(String option, String text, BigDecimal least, BigDecimal most)
      throws CommandFailed {
    if (text.matches("\\d{1,9}(\\.\\d{1,9})?")) {
      BigDecimal number = new BigDecimal(text);
      if (number.compareTo(least) >= 0 && number.compareTo(most) <= 0) {
        return number;
      }
    }
    throw CommandFailed.usage(
        "%s is a number from %s to %s, not '%s'."
            .formatted(option, least.toPlainString(), most.toPlainString(), text));
  }

  AddressTranslation addressMap() throws CommandFailed {
    Map<IpAddress, IpAddress> pairs = new LinkedHashMap<>();
    try {
      for (String pair : map) {
        int equals = pair.indexOf('=');
        if (equals < 0) {
          throw new IllegalArgumentException(
              "'" + pair + "' is no pair of addresses; write captured=played");
        }
        IpAddress captured = IpAddress.parse(pair.substring(0, equals));
        if (pairs.put(captured, IpAddress.parse(pair.substring(equals + 1))) != null) {
          throw new IllegalArgumentException(captured + " is mapped twice");
        }
      }
      return new AddressTranslation(pairs);
    } catch (IllegalArgumentException e) {
      throw CommandFailed.usage("--map: " + e.getMessage() + ".");
    }
  }

  LiveOptions options() throws CommandFailed {
    Place guest = place("--guest-gateway", Objects.requireNonNull(guestInterface), guestGateway);
    Place after =
        place(
            "--guest-gateway-after",
            guestInterfaceAfter == null ? guestInterface : guestInterfaceAfter,
            guestGatewayAfter.isEmpty() ? guestGateway : guestGatewayAfter);
    return new LiveOptions(
        place("--peer-gateway", Objects.requireNonNull(peerInterface), peerGateway),
        guest,
        after,
        guestMac == null ? null : mac("--guest-mac", guestMac),
        onMove,
        onResume);
  }

  private static Place place(String option, String interfaceName, List<String> who)
      throws CommandFailed {
    List<IpAddress> gateways = new ArrayList<>();
    MacAddress mac = null;
    for (String each : who) {
      if (each.matches("([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")) {
        mac = mac(option, each);
        continue;
      }
      try {
        gateways.add(IpAddress.parse(each));
      } catch (IllegalArgumentException e) {
        throw CommandFailed.usage(
            "%s: '%s' is neither a MAC address nor an IP address.".formatted(option, each));
      }
    }
    long families = gateways.stream().map(IpAddress::isV4).distinct().count();
    if (gateways.size() > families || (mac != null && who.size() > 1)) {
      throw CommandFailed.usage(
          option + " is one MAC address, or one IP address of each address family.");
    }
    return new Place(interfaceName, gateways, mac);
  }

  private static MacAddress mac(String option, String text) throws CommandFailed {
    try {
      MacAddress mac = MacAddress.parse(text);
      if (!mac.isGroup() && mac.bits() != 0) {
        return mac;
      }
    } catch (IllegalArgumentException e) {
      throw CommandFailed.usage(option + ": " + e.getMessage() + ".");
    }
    throw CommandFailed.usage(option + ": " + text + " is the MAC address of no single machine.");
  }

  /**
   * Replays, to the end.
   *
   * @param plan of the guest, with captured addresses
   */
  ReplayReport run(
      Path file,
      GuestPlan plan,
      ReplayOptions options,
      Points points,
      Surroundings surroundings,
      Replay.Watch watch)
      throws CommandFailed, IOException {
    AddressTranslation addresses = addressMap();
    PlayedAddresses played;
    try (CaptureReader reader = CaptureReader.open(file)) {
      played = PlayedAddresses.of(reader, plan.olds(), addresses, watch);
    } catch (IllegalArgumentException e) {
      throw CommandFailed.usage(file + ": " + e.getMessage() + ".");
    }
    List<String> problems = PcapLine.problems(played, anyAddress);
    if (!problems.isEmpty()) {
      throw CommandFailed.refused(String.join("\n", problems));
    }
    ReplayOptions asPlayed =
        options.with(new GuestPlan(played.guest(), plan.move(), plan.pauseNanos()));
    Rehearsal.play(file, asPlayed, played, addresses);
    try (CaptureReader reader = CaptureReader.open(file);
        PcapLine line = open(played, surroundings)) {
      return Replay.live(
          reader, file.toString(), asPlayed, points, new LivePlay(line, pace(), addresses), watch);
    } catch (LiveFailed e) {
      throw CommandFailed.failed(String.valueOf(e.getMessage()));
    }
  }

  private PcapLine open(PlayedAddresses played, Surroundings surroundings) throws CommandFailed {
    try {
      return PcapLine.open(options(), played, surroundings.clock());
    } catch (IOException e) {
      throw CommandFailed.failed(String.valueOf(e.getMessage()));
    }
  }
}
