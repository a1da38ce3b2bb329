package dev.holdfast.redirector.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.steer.Announcements;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Announcements on sockets that fail, with a clock of their own. */
class AnnouncingTest {
  private static final MacAddress HERE = MacAddress.parse("02:00:00:00:00:01");
  private static final IpAddress OLD4 = IpAddress.parse("10.1.0.10");
  private static final IpAddress OLD6 = IpAddress.parse("fd00:1::10");
  private static final String LAN = "br0";
  private static final String OTHER = "br1";
  private static final long MILLI = 1_000_000;

  private record Task(long atNanos, Runnable run) {}

  private final List<String> said = new ArrayList<>();
  private final Deque<Task> due = new ArrayDeque<>();
  private final Set<String> noInterface = new HashSet<>();
  private final Set<IpAddress> gone = new HashSet<>();
  private final Set<IpAddress> notTaken = new HashSet<>();
  private int open;
  private long now;

  private final Clock clock =
      new Clock() {
        @Override
        public long nanoTime() {
          return now;
        }

        @Override
        public long epochNanos() {
          return now;
        }
      };

  private final Announcing announcing =
      new Announcing(
          new Announcements(),
          clock,
          (millis, name, task) -> due.add(new Task(now + millis * MILLI, task)),
          this::open);

  private Announcing.Voice open(String lan) throws IOException {
    if (noInterface.contains(lan)) {
      throw new IOException("there is no interface " + lan);
    }
    open++;
    return new Announcing.Voice() {
      @Override
      public boolean announce(MacAddress mac, IpAddress address) throws IOException {
        if (gone.contains(address)) {
          throw new IOException("the interface " + lan + " was deleted");
        }
        if (notTaken.contains(address)) {
          return false;
        }
        said.add(now / MILLI / 1_000 + " " + lan + " " + address);
        return true;
      }

      @Override
      public void close() {
        open--;
      }
    };
  }

  /** Everything that is due, in order, to the end. */
  private void goOn() {
    while (!due.isEmpty()) {
      Task task = due.poll();
      now = Math.max(now, task.atNanos());
      task.run().run();
    }
    assertThat(open).as("sockets left open").isZero();
  }

  @Test
  void eachIsSaidByItsSchedule() {
    announcing.soon(LAN, List.of(OLD4, OLD6), HERE);
    goOn();
    assertThat(said)
        .containsExactly(
            "0 br0 " + OLD4, "0 br0 " + OLD6, "1 br0 " + OLD6, "2 br0 " + OLD4, "2 br0 " + OLD6);
    assertThat(announcing.failures()).isZero();
  }

  @Test
  void anAddressThatCannotBeSaidHoldsUpNoOther() {
    gone.add(OLD4);
    announcing.now(LAN, List.of(OLD4, OLD6), HERE);
    goOn();
    assertThat(said).containsExactly("0 br0 " + OLD6, "1 br0 " + OLD6, "2 br0 " + OLD6);
    assertThat(announcing.failures()).isEqualTo(2); // of ARP's two
  }

  @Test
  void whatTheKernelDoesNotTakeIsCountedAndSaidInTheNextRound() {
    notTaken.add(OLD4);
    announcing.now(LAN, List.of(OLD4), HERE);
    assertThat(announcing.failures()).isOne();
    notTaken.clear();
    goOn();
    assertThat(said).containsExactly("2 br0 " + OLD4);
    assertThat(announcing.failures()).isOne();
  }

  @Test
  void aLanWithoutInterfaceHoldsUpNoOther() {
    noInterface.add(LAN);
    announcing.soon(LAN, List.of(OLD4), HERE);
    announcing.soon(OTHER, List.of(OLD4), HERE);
    goOn();
    assertThat(said).containsExactly("0 br1 " + OLD4, "2 br1 " + OLD4);
    assertThat(announcing.failures()).isEqualTo(2);
  }

  @Test
  void anInterfaceThatIsThereAgainHearsTheRest() {
    noInterface.add(LAN);
    announcing.now(LAN, List.of(OLD6), HERE);
    noInterface.clear();
    goOn();
    assertThat(said).containsExactly("1 br0 " + OLD6, "2 br0 " + OLD6);
    assertThat(announcing.failures()).isOne();
  }

  @Test
  void whatIsEndedIsSaidNoMore() {
    announcing.soon(LAN, List.of(OLD4, OLD6), HERE);
    due.pop().run().run();
    announcing.end(LAN, List.of(OLD4));
    said.clear();
    goOn();
    assertThat(said).containsExactly("1 br0 " + OLD6, "2 br0 " + OLD6);
  }
}
