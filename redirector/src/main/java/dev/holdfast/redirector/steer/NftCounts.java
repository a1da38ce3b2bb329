package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What our tables in this host's kernel have counted, by the elements of sets with counters. No
 * process is started for it: hooks and people look at a migration just when its guest's peers wait.
 */
public final class NftCounts {
  /** As nft writes an element of a set: its key, parts of it between dots with spaces around. */
  private static final Pattern COUNTED =
      Pattern.compile("[{,]\\s*([^,{}]+?) counter packets (\\d+)");

  private static final List<String> WIDTHS = List.of("4", "6");

  private final Kernel kernel;

  public NftCounts(Kernel kernel) {
    this.kernel = kernel;
  }

  /**
   * How many packets of {@code olds} were dropped because their TTL was used up.
   *
   * @throws IOException where the tables are not there; so do all of these
   */
  public long spent(List<IpAddress> olds) throws IOException {
    return counted("inet " + SteeringNames.TABLE + " spent", olds, IpAddress::parse);
  }

  /** How many packets to {@code olds} were forwarded that no capture has taken. */
  public long forwarded(List<IpAddress> olds) throws IOException {
    return counted("inet " + SteeringNames.TABLE + " passed", olds, IpAddress::parse);
  }

  /**
   * How many ICMP errors about {@code olds} this host would have sent, and our tables have dropped:
   * unreachable, time exceeded and redirect, by the quoted packet's addresses.
   */
  public long errorsKeptBack(List<IpAddress> olds) throws IOException {
    String set = "inet " + SteeringNames.TABLE + " silenced";
    long packets = 0;
    for (String width : widths(olds)) {
      int digits = width.equals("4") ? 8 : 32;
      packets += counted(set + width, key -> olds.contains(numbered(key, digits)));
    }
    return packets;
  }

  /**
   * How many packets to multicast groups or broadcast our tables have dropped that the guest has
   * sent from {@code olds} at this host.
   */
  public long groupPackets(List<IpAddress> olds, boolean byPcap) throws IOException {
    // On a bridge its frames are counted, on any other interface its packets.
    String onBridge = "bridge " + (byPcap ? PcapTables.TABLE : SteeringNames.TABLE);
    String elsewhere = byPcap ? "netdev " + PcapTables.TABLE : "inet " + SteeringNames.TABLE;
    Function<String, @Nullable IpAddress> old =
        key -> IpAddress.parse(key.substring(key.lastIndexOf(' ') + 1));
    return counted(onBridge + " grouped", olds, old) + counted(elsewhere + " grouped", olds, old);
  }

  /**
   * How many packets to multicast groups or broadcast our tables have kept from a held guest, whose
   * port here is {@code guestPort}.
   */
  public long groupPacketsMissed(String guestPort, boolean byPcap) throws IOException {
    return byPcap
        ? missed("bridge " + PcapTables.TABLE, guestPort)
        : missed("bridge " + SteeringNames.TABLE, guestPort)
            + missed("inet " + SteeringNames.TABLE, guestPort);
  }

  private long missed(String table, String guestPort) throws IOException {
    String key = '"' + guestPort + '"';
    return counted(table + " missed", key::equals);
  }

  /** What the kernel has counted in a set for each family, at the elements of these addresses. */
  private long counted(
      String set, List<IpAddress> olds, Function<String, @Nullable IpAddress> addressOf)
      throws IOException {
    long packets = 0;
    for (String width : widths(olds)) {
      packets += counted(set + width, key -> olds.contains(addressOf.apply(key)));
    }
    return packets;
  }

  private static List<String> widths(List<IpAddress> olds) {
    return WIDTHS.stream()
        .filter(width -> olds.stream().anyMatch(old -> old.isV4() == width.equals("4")))
        .toList();
  }

  private long counted(String set, Predicate<String> isAsked) throws IOException {
    long packets = 0;
    Matcher element = COUNTED.matcher(kernel.nftListNow("list set " + set + "\n"));
    while (element.find()) {
      if (isAsked.test(element.group(1))) {
        packets += Long.parseLong(element.group(2));
      }
    }
    return packets;
  }

  /** nft writes a plain number in hex, without zeros at its beginning. */
  private static IpAddress numbered(String key, int digits) {
    String hex = key.startsWith("0x") ? key.substring(2) : Long.toHexString(Long.parseLong(key));
    return IpAddress.ofBytes(HexFormat.of().parseHex("0".repeat(digits - hex.length()) + hex));
  }
}
