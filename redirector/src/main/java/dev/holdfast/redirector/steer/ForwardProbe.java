package dev.holdfast.redirector.steer;

import static dev.holdfast.redirector.steer.SteeringNames.hex;

import dev.holdfast.redirector.steer.KernelChange.Command;
import dev.holdfast.tunnel.device.TunDevice;
import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Sends packets through this host's real forwarding path, as a migration's will go, and sees how
 * far each comes: every filter on the way has its say, known to us or not.
 *
 * <pre>
 *   LAN:  our TAP -> tc: ingress of the LAN's interface -> marked -> routing -> forward -> TUN
 *   TUN:  written to the TUN                            -> routing -> forward -> the LAN or a peer
 * </pre>
 *
 * <p>Nobody notices. Every probe is a TCP segment that belongs to no connection, to or from a peer
 * that does not exist (RFC 5737, RFC 3849); it is counted at four places by chains that are there
 * for the moment of the probe only, and dropped at the last one, before it leaves. What a filter
 * would say about it to its sender, or to the guest, is dropped too. Nothing is changed at the
 * LAN's interface itself: the TAP belongs to nobody, and it and its tc filter go when it is closed.
 */
public final class ForwardProbe {
  private static final JsonMapper JSON = new JsonMapper();

  /** All probes of a host have the same names. */
  private static final ReentrantLock ONE_AT_A_TIME = new ReentrantLock();

  private static final String TAP = "hfprobe0";
  private static final MacAddress TAP_MAC = MacAddress.parse("02:68:66:70:72:00");
  private static final MacAddress SENDER_MAC = MacAddress.parse("02:68:66:70:72:01");
  private static final long MAGIC = 0x686f_6c64_666f_7277L; // "holdforw"
  private static final int SOURCE_PORT = 4754;
  private static final int FIRST_PORT = 47_540; // one for each way
  private static final int TRIES = 5;
  private static final long WAIT_MILLIS = 20;

  private static final String FROM_TUN = "from the tunnel";

  /** Where probes are counted, in the order of the way; the last one drops them. */
  private static final List<String> PLACES =
      List.of(
          "prerouting priority 1000",
          "forward priority -1000",
          "forward priority 1000",
          "postrouting priority 1000");

  private static final List<String> LOST =
      List.of(
          "by a filter at prerouting",
          "by routing: the check of sources (rp_filter), forwarding, or a missing route",
          "by a filter at forward",
          "by a filter at postrouting");

  /** Writes a packet, with its virtio_net_hdr, to the TUN, and releases it. */
  public interface TunWriter {
    void write(ByteBuf packet) throws IOException;
  }

  /**
   * One way through this host.
   *
   * @param what in words: "from br0 into the tunnel"
   * @param lost empty when the probe has arrived; else where it was lost
   */
  public record Way(String what, String lost) {
    public boolean isOpen() {
      return lost.isEmpty();
    }

    public boolean isLostByRouting() {
      return lost.equals(LOST.get(1));
    }

    public boolean isFromTun() {
      return what.startsWith(FROM_TUN);
    }
  }

  private final Kernel kernel;
  private final SteeringPlan plan;
  private final boolean redirector;
  private final List<String> names = new ArrayList<>();
  private final List<ByteBuf> frames = new ArrayList<>();
  private final List<ByteBuf> packets = new ArrayList<>();
  private String notSent = "";

  /**
   * @param redirector the role of this host: captures what comes for the old addresses, or delivers
   *     it
   */
  public ForwardProbe(Kernel kernel, SteeringPlan plan, boolean redirector) {
    this.kernel = kernel;
    this.plan = plan;
    this.redirector = redirector;
  }

  /**
   * Why the ways from the LAN were not probed; empty when they were. A kernel without the tc
   * classifier u32 or the action mirred cannot do it.
   */
  public String notSent() {
    return notSent;
  }

  /**
   * Probes every way of the plan's addresses, both directions. The host's tables must stand.
   *
   * @throws IOException when the kernel refuses what the probe needs for counting
   */
  public List<Way> run(TunWriter tun) throws IOException {
    ONE_AT_A_TIME.lock();
    try {
      for (IpAddress old : plan.oldAddresses()) {
        IpAddress peer = FilterChecks.farPeer(old);
        String lan = plan.lan();
        boolean in = redirector;
        frames.add(frame(in ? peer : old, in ? old : peer, "from " + lan + " into the tunnel"));
        packets.add(packet(in ? old : peer, in ? peer : old, FROM_TUN + " onwards"));
      }
      kernel.run(new Command.Nft(chains()));
      try {
        return probe(tun);
      } finally {
        kernel.run(new Command.Nft(removal()));
      }
    } finally {
      frames.forEach(ByteBuf::release);
      packets.forEach(ByteBuf::release);
      ONE_AT_A_TIME.unlock();
    }
  }

  private int name(IpAddress source, IpAddress destination, String what) {
    names.add(what + " (" + source + " to " + destination + ")");
    return FIRST_PORT + names.size() - 1;
  }

  private ByteBuf packet(IpAddress source, IpAddress destination, String what) {
    ByteBuf packet = Unpooled.directBuffer(128);
    builder(source, destination, name(source, destination, what)).writeWithVnet(packet);
    return packet;
  }

  private ByteBuf frame(IpAddress source, IpAddress destination, String what) {
    ByteBuf frame = Unpooled.directBuffer(128);
    frame.writeZero(VirtioNetHeader.LENGTH);
    int type = source.isV4() ? Ethernet.TYPE_IPV4 : Ethernet.TYPE_IPV6;
    Ethernet.writeHeader(frame, TAP_MAC, SENDER_MAC, type);
    builder(source, destination, name(source, destination, what)).write(frame);
    return frame;
  }

  private static PacketBuilder builder(IpAddress source, IpAddress destination, int port) {
    return new PacketBuilder(source, destination)
        .tcp(SOURCE_PORT, port, 1, 1, PacketView.ACK, 1_000)
        .payload(ByteBuffer.allocate(8).putLong(MAGIC).array());
  }

  private List<Way> probe(TunWriter tun) throws IOException {
    long[][] counted = new long[PLACES.size()][names.size()];
    try (TunDevice tap = openTap()) {
      for (int i = 0; i < TRIES && !haveAllArrived(counted, tap != null); i++) {
        for (int each = 0; each < packets.size(); each++) {
          tun.write(packets.get(each).retainedDuplicate());
          if (tap != null) {
            boolean unused = tap.write(frames.get(each));
          }
        }
        Thread.sleep(WAIT_MILLIS);
        read(counted);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while probing", e);
    }
    List<Way> ways = new ArrayList<>();
    for (int way = 0; way < names.size(); way++) {
      if (isSent(way, notSent.isEmpty())) {
        ways.add(new Way(names.get(way), lost(counted, way)));
      }
    }
    return ways;
  }

  private static boolean isSent(int way, boolean fromLan) {
    return fromLan || isFromTun(way);
  }

  /** Ways take turns: from the LAN, from the TUN. */
  private static boolean isFromTun(int way) {
    return way % 2 == 1;
  }

  private boolean haveAllArrived(long[][] counted, boolean fromLan) {
    for (int way = 0; way < names.size(); way++) {
      if (isSent(way, fromLan) && counted[PLACES.size() - 1][way] == 0) {
        return false;
      }
    }
    return true;
  }

  private static String lost(long[][] counted, int way) {
    for (int place = 0; place < counted.length; place++) {
      if (counted[place][way] == 0) {
        return LOST.get(place);
      }
    }
    return "";
  }

  /** Null where this kernel or host has not what it needs; then {@link #notSent} says what. */
  private @Nullable TunDevice openTap() throws IOException {
    if (kernel.query("link show dev " + plan.lan()).contains("NO-CARRIER")) {
      notSent = plan.lan() + " has no carrier before the guest is there";
      return null; // the kernel redirects nothing to such an interface
    }
    TunDevice tap = TunDevice.openTap(TAP);
    try {
      kernel.run(
          new Command.Ip("link set dev " + TAP + " address " + TAP_MAC + " addrgenmode none up"));
      kernel.tc("qdisc add dev " + TAP + " clsact");
      kernel.tc(
          "filter add dev "
              + TAP
              + " ingress protocol all u32 match u32 0 0 action mirred ingress redirect dev "
              + plan.lan());
      return tap;
    } catch (IOException e) {
      tap.close();
      notSent = "packets cannot be put into " + plan.lan() + " with tc: " + e.getMessage();
      return null;
    }
  }

  private static String chain(int place) {
    return "probe_" + place;
  }

  private String chains() {
    StringBuilder script = new StringBuilder("table inet holdfast {\n");
    String magic = "tcp sport " + SOURCE_PORT + " @th,160,64 0x" + Long.toHexString(MAGIC);
    int mark = redirector ? SteeringNames.CAPTURE_MARK : SteeringNames.RETURN_MARK;
    script
        .append("chain probe_begin { type filter hook prerouting priority -310;\n")
        .append("iifname \"")
        .append(plan.lan())
        .append("\" ether saddr ")
        .append(SENDER_MAC)
        .append(" meta mark set meta mark or ")
        .append(hex(mark))
        .append('\n');
    if (redirector) {
      script.append(magic).append(" notrack\n"); // as what is captured, and its answers
    }
    script.append("}\n");
    for (int place = 0; place < PLACES.size(); place++) {
      String verdict = place == PLACES.size() - 1 ? " counter drop\n" : " counter\n";
      script
          .append("chain ")
          .append(chain(place))
          .append(" { type filter hook ")
          .append(PLACES.get(place))
          .append(";\n");
      for (int way = 0; way < names.size(); way++) {
        script
            .append(leaving(place, way))
            .append(magic)
            .append(" tcp dport ")
            .append(FIRST_PORT + way)
            .append(verdict);
      }
      if (place == PLACES.size() - 1) {
        script.append(magic).append(" drop\n"); // those on a wrong way leave as little
      }
      script.append("}\n");
    }
    return script.append(silence()).append("}\n").toString();
  }

  /** What comes from the LAN is to go to the TUN: some other route to the guest is no way there. */
  private String leaving(int place, int way) {
    boolean routed = place > 0;
    return routed && !isFromTun(way) ? "oifname \"" + plan.tun() + "\" " : "";
  }

  /** What this host would say about the probes, to those who do not exist or to the guest. */
  private static String silence() {
    String far4 = FilterChecks.FAR4.toString();
    String far6 = FilterChecks.FAR6.toString();
    String bits4 = "0x" + Integer.toHexString(FilterChecks.FAR4.v4Bits());
    String bits6 = "0x%016x%016x".formatted(FilterChecks.FAR6.high(), FilterChecks.FAR6.low());
    return """
    chain probe_silence { type filter hook output priority -310;
    ip daddr %1$s drop
    ip saddr %1$s drop
    ip6 daddr %2$s drop
    ip6 saddr %2$s drop
    icmp type { destination-unreachable, time-exceeded } @th,192,32 %3$s drop
    icmpv6 type { destination-unreachable, time-exceeded } @th,256,128 %4$s drop
    }
    """
        .formatted(far4, far6, bits4, bits6);
  }

  private static String removal() {
    StringBuilder script = new StringBuilder();
    List<String> chains = new ArrayList<>(List.of("probe_begin", "probe_silence"));
    for (int place = 0; place < PLACES.size(); place++) {
      chains.add(chain(place));
    }
    for (String chain : chains) {
      script
          .append("flush chain inet holdfast ")
          .append(chain)
          .append("\ndelete chain inet holdfast ")
          .append(chain)
          .append('\n');
    }
    return script.toString();
  }

  private void read(long[][] counted) throws IOException {
    JsonNode objects = JSON.readTree(kernel.nftQuery("list table inet holdfast")).path("nftables");
    int[] next = new int[PLACES.size()];
    for (JsonNode object : objects) {
      JsonNode rule = object.path("rule");
      for (int place = 0; place < PLACES.size(); place++) {
        if (rule.path("chain").asString("").equals(chain(place))) {
          for (JsonNode statement : rule.path("expr")) {
            if (statement.has("counter")) {
              counted[place][next[place]++] = statement.get("counter").path("packets").asLong(0);
            }
          }
        }
      }
    }
  }
}
