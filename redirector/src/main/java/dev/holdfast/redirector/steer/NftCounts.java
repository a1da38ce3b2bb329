package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * What our tables in this host's kernel have counted, by the elements of sets with counters. Each
 * question starts a process.
 */
public final class NftCounts {
  private final Kernel kernel;

  public NftCounts(Kernel kernel) {
    this.kernel = kernel;
  }

  /** How many packets to {@code olds} were forwarded that no capture has taken. */
  public long forwarded(List<IpAddress> olds) throws IOException {
    return counted("inet " + SteeringNames.TABLE + " passed", olds, NftCounts::address);
  }

  /**
   * How many ICMP errors about {@code olds} this host would have sent, and our tables have dropped:
   * unreachable, time exceeded and redirect, by the quoted packet's addresses.
   */
  public long errorsKeptBack(List<IpAddress> olds) throws IOException {
    return counted("inet " + SteeringNames.TABLE + " silenced", olds, NftCounts::numbered);
  }

  /**
   * How many packets to multicast groups or broadcast our tables have dropped that the guest has
   * sent from {@code olds} at this host.
   */
  public long groupPackets(List<IpAddress> olds, boolean byPcap) throws IOException {
    // On a bridge its frames are counted, on any other interface its packets.
    String onBridge = "bridge " + (byPcap ? PcapTables.TABLE : SteeringNames.TABLE);
    String elsewhere = byPcap ? "netdev " + PcapTables.TABLE : "inet " + SteeringNames.TABLE;
    Function<JsonNode, @Nullable IpAddress> old = value -> address(value.path("concat").path(1));
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
    return counted(table + " missed", value -> value.asString("").equals(guestPort));
  }

  /** What the kernel has counted in a set for each family, at the elements of these addresses. */
  private long counted(
      String set, List<IpAddress> olds, Function<JsonNode, @Nullable IpAddress> addressOf)
      throws IOException {
    long packets = 0;
    for (String width : List.of("4", "6")) {
      if (olds.stream().noneMatch(old -> old.isV4() == width.equals("4"))) {
        continue;
      }
      packets +=
          counted(
              set + width,
              value -> {
                IpAddress address = addressOf.apply(value);
                return address != null && olds.contains(address);
              });
    }
    return packets;
  }

  private long counted(String set, Predicate<JsonNode> isAsked) throws IOException {
    long packets = 0;
    String list = "list set " + set;
    for (JsonNode object : HostFacts.parse(kernel.nftQuery(list), "nft " + list).path("nftables")) {
      for (JsonNode element : object.path("set").path("elem")) {
        JsonNode counted = element.path("elem");
        if (isAsked.test(counted.path("val"))) {
          packets += counted.path("counter").path("packets").asLong(0);
        }
      }
    }
    return packets;
  }

  private static @Nullable IpAddress address(JsonNode value) {
    String text = value.asString("");
    return text.isEmpty() ? null : IpAddress.parse(text);
  }

  /** nft writes a number that fits into 64 bits in decimal, and a longer one in hex. */
  private static @Nullable IpAddress numbered(JsonNode value) {
    String text = value.asString("");
    if (text.isEmpty()) {
      return null;
    }
    if (!text.startsWith("0x")) {
      return IpAddress.v4((int) Long.parseLong(text));
    }
    String hex = text.substring(2);
    return IpAddress.ofBytes(HexFormat.of().parseHex("0".repeat(32 - hex.length()) + hex));
  }
}
