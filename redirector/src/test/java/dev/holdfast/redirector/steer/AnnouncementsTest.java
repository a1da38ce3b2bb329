package dev.holdfast.redirector.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.steer.Announcements.Announcement;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class AnnouncementsTest {
  private static final MacAddress GUEST = MacAddress.parse("52:54:00:00:00:10");
  private static final MacAddress HERE = MacAddress.parse("02:00:00:00:00:01");
  private static final IpAddress OLD4 = IpAddress.parse("10.1.0.10");
  private static final IpAddress OLD6 = IpAddress.parse("fd00:1::10");
  private static final String LAN = "br0";
  private static final long MILLI = 1_000_000;
  private static final long START = start();

  private final Announcements announcements = new Announcements();

  /** The clock wraps half a second later, which is no reason to be silent. */
  private static long start() {
    return Long.MAX_VALUE - 500 * MILLI;
  }

  /** "milliseconds since the start, MAC", for each that is due when the next is. */
  private List<String> run(IpAddress address) {
    List<String> said = new ArrayList<>();
    long now = START;
    while (true) {
      for (Announcement each : announcements.due(LAN, now)) {
        if (each.address().equals(address)) {
          said.add((now - START) / MILLI + " " + each.mac());
        }
      }
      long wait = announcements.untilNext(LAN, now);
      if (wait < 0) {
        return said;
      }
      assertThat(wait).as("what is due was given").isPositive();
      now += wait;
    }
  }

  /** RFC 5227 section 2.3: ANNOUNCE_NUM (2), ANNOUNCE_INTERVAL (2 s). */
  @Test
  void arpIsAnnouncedTwiceTwoSecondsApart() {
    announcements.begin(LAN, List.of(OLD4, OLD6), HERE, START);
    assertThat(run(OLD4)).containsExactly("0 " + HERE, "2000 " + HERE);
  }

  /** RFC 4861 section 7.2.6: MAX_NEIGHBOR_ADVERTISEMENT (3), RetransTimer (1 s). */
  @Test
  void neighboursAreToldThreeTimesOneSecondApart() {
    announcements.begin(LAN, List.of(OLD4, OLD6), HERE, START);
    assertThat(run(OLD6)).containsExactly("0 " + HERE, "1000 " + HERE, "2000 " + HERE);
  }

  @Test
  void aLateRoundPutsTheNextOff() {
    announcements.begin(LAN, List.of(OLD6), HERE, START);
    assertThat(announcements.due(LAN, START)).hasSize(1);
    assertThat(announcements.due(LAN, START + 1_900 * MILLI)).hasSize(1);
    assertThat(announcements.due(LAN, START + 2_000 * MILLI)).as("RetransTimer").isEmpty();
    assertThat(announcements.untilNext(LAN, START + 2_000 * MILLI)).isEqualTo(900 * MILLI);
  }

  @Test
  void aGuestThatLeavesAgainIsNotAnnouncedAnyMore() {
    announcements.begin(LAN, List.of(OLD4), GUEST, START);
    assertThat(announcements.due(LAN, START)).containsExactly(new Announcement(OLD4, GUEST));
    announcements.begin(LAN, List.of(OLD4), HERE, START + MILLI);
    assertThat(announcements.due(LAN, START + MILLI))
        .as("at once")
        .containsExactly(new Announcement(OLD4, HERE));
    assertThat(announcements.due(LAN, START + 9_000 * MILLI))
        .containsExactly(new Announcement(OLD4, HERE));
    assertThat(announcements.untilNext(LAN, START)).isEqualTo(-1);
  }

  @Test
  void whatHasEndedIsNotSaid() {
    announcements.begin(LAN, List.of(OLD4, OLD6), HERE, START);
    announcements.end(LAN, List.of(OLD4));
    assertThat(announcements.due(LAN, START)).containsExactly(new Announcement(OLD6, HERE));
    announcements.end(LAN, List.of(OLD6));
    assertThat(announcements.untilNext(LAN, START)).isEqualTo(-1);
    assertThat(announcements.due(LAN, START + 9_000 * MILLI)).isEmpty();
  }

  @Test
  void eachLanHasItsOwn() {
    announcements.begin(LAN, List.of(OLD4), HERE, START);
    announcements.begin("br1", List.of(OLD4), GUEST, START);
    assertThat(announcements.due("br1", START)).containsExactly(new Announcement(OLD4, GUEST));
    announcements.end("br1", List.of(OLD4));
    assertThat(announcements.due(LAN, START)).containsExactly(new Announcement(OLD4, HERE));
  }
}
