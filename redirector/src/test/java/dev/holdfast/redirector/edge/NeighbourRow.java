package dev.holdfast.redirector.edge;

import dev.holdfast.redirector.steer.AddressClaims;
import dev.holdfast.redirector.steer.AnswerTable;
import dev.holdfast.redirector.steer.NeighbourAnswers;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Frames that are heard on a LAN, and everything that is said because of the last of them. */
final class NeighbourRow implements Row {
  /** The guest's addresses in the LAN that it has come to. */
  static final IpAddress NEW_V4 = IpAddress.parse("10.2.0.20");

  static final IpAddress NEW_V6 = IpAddress.parse("2001:db8:2::20");

  private final boolean isOldHost;
  private final List<Frame> heard = new ArrayList<>();
  private final List<Frame> expected = new ArrayList<>();
  private final List<String> told = new ArrayList<>();
  private long seconds;
  private long laterSeconds;

  private NeighbourRow(boolean isOldHost) {
    this.isOldHost = isOldHost;
  }

  /** In the LAN that the guest has left, while its addresses are captured. */
  static NeighbourRow oldLan() {
    return new NeighbourRow(true);
  }

  /** In the LAN that the guest has come to. */
  static NeighbourRow newLan() {
    return new NeighbourRow(false);
  }

  /** These have been heard before. */
  NeighbourRow after(Frame... frames) {
    heard.addAll(List.of(frames));
    return this;
  }

  /** So long ago. */
  NeighbourRow later(int aFewSeconds) {
    laterSeconds = aFewSeconds;
    return this;
  }

  NeighbourRow hears(Frame frame) {
    heard.add(frame);
    return this;
  }

  NeighbourRow says(Frame... frames) {
    expected.addAll(List.of(frames));
    return this;
  }

  /** Of every frame heard: what is reported of the machines that sent them. */
  NeighbourRow reports(String... claims) {
    told.addAll(List.of(claims));
    return this;
  }

  private AnswerTable table() {
    var table = new AnswerTable();
    if (isOldHost) {
      table.capture(Ip.V4.old, Host.OWN_MAC, Host.GUEST_MAC);
      table.capture(Ip.V6.old, Host.OWN_MAC, Host.GUEST_MAC);
    } else {
      table.serve(
          Host.GUEST_MAC,
          List.of(Ip.V4.old, Ip.V6.old),
          List.of(NEW_V4, NEW_V6),
          List.of(
              IpPrefix.parse("10.1.0.0/24"),
              IpPrefix.parse("2001:db8:1::/64"),
              IpPrefix.parse("fe80::/10")),
          List.of(),
          Host.OWN_MAC);
    }
    return table;
  }

  @Override
  public void check() throws IOException {
    AnswerTable table = table();
    Clock clock =
        new Clock() {
          @Override
          public long nanoTime() {
            return seconds * 1_000_000_000L;
          }

          @Override
          public long epochNanos() {
            return nanoTime();
          }
        };
    List<String> claims = new ArrayList<>();
    var watch =
        new AddressClaims(
            table,
            Set.of(Host.GUEST_MAC, Host.OWN_MAC),
            clock,
            (by, how, address) -> claims.add(by + " " + how + " " + address));
    List<Frame> said = new ArrayList<>();
    try (var answers = new NeighbourAnswers(table, isOldHost ? watch : null, Host.OWN_MAC)) {
      for (int i = 0; i < heard.size(); i++) {
        said.clear();
        seconds += i == heard.size() - 1 ? laterSeconds : 0;
        byte[] frame = heard.get(i).bytes();
        ByteBuf in = Unpooled.directBuffer(2_048).writeBytes(frame);
        int unused =
            answers.take(in, frame.length, out -> said.add(Frame.of(Outgoing.bytesOf(out))));
        in.release();
      }
    }
    compare(said, claims);
  }

  private void compare(List<Frame> said, List<String> claims) {
    var wrong = new StringBuilder();
    for (int i = 0; i < Math.max(said.size(), expected.size()); i++) {
      Frame wanted = i < expected.size() ? expected.get(i) : null;
      Frame was = i < said.size() ? said.get(i) : null;
      if (wanted == null || was == null) {
        wrong.append("  says %d: expected %s, was %s%n".formatted(i + 1, wanted, was));
      } else if (!wanted.equals(was)) {
        wrong.append(
            "  says %d:%n%s%n"
                .formatted(
                    i + 1,
                    PacketText.difference(
                        PacketText.fieldsOfFrame(wanted.bytes()),
                        PacketText.fieldsOfFrame(was.bytes()))));
      }
    }
    if (!claims.equals(told)) {
      wrong.append("  reports: expected %s, was %s%n".formatted(told, claims));
    }
    if (!wrong.isEmpty()) {
      throw new AssertionError(
          "in the %s LAN, heard: %s%n%s"
              .formatted(isOldHost ? "old" : "new", heard.getLast(), wrong));
    }
  }

  /** A machine of that LAN that is neither the guest nor one of ours. */
  static final MacAddress STRANGER_MAC = MacAddress.parse("02:00:00:00:00:99");

  static final IpAddress STRANGER_V4 = IpAddress.parse("10.1.0.99");
  static final IpAddress STRANGER_V6 = IpAddress.parse("fe80::99");
}
