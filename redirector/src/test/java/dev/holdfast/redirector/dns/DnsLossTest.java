package dev.holdfast.redirector.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.dns.DnsException.Kind;
import dev.holdfast.redirector.dns.server.AuthoritativeServer;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xbill.DNS.Header;
import org.xbill.DNS.Opcode;

/** Answers that get lost, servers that are down, waits that are cut short. */
class DnsLossTest {
  @TempDir Path folder;
  private DnsBench bench;

  @BeforeEach
  void start() throws Exception {
    bench = new DnsBench(folder);
  }

  @AfterEach
  void stop() {
    bench.close();
  }

  @Test
  void anUpdateWhoseAnswerWasLostIsRecognised() throws Exception {
    AtomicInteger lost = new AtomicInteger();
    try (TamperingProxy proxy = losing(lost, 1)) {
      DnsChange change =
          bench.begin(bench.updater(DnsBench.LOSING, bench.zoneAt(proxy.address())), aMove());
      change.publish();
      assertThat(change.view().state()).isEqualTo("published");
      assertThat(change.view().problem()).isNull();
    }
    assertThat(lost).hasValue(1);
    assertThat(bench.server.counters().updates()).as("done, and tried again").isGreaterThan(1);
    assertThat(bench.server.counters().applied()).isEqualTo(1);
    assertThat(bench.records()).contains("30 A 10.2.0.10", "30 A 10.1.0.99");
  }

  @Test
  void aMoveWhoseEveryAnswerIsLostIsFoundDoneInTheNextRound() throws Exception {
    AtomicInteger lost = new AtomicInteger();
    try (TamperingProxy proxy = losing(lost, 2)) { // both tries by UDP; there is no TCP
      DnsChange change =
          bench.begin(bench.updater(DnsBench.LOSING, bench.zoneAt(proxy.address())), aMove());
      change.publish();
      assertThat(change.view().state()).isEqualTo("published");
    }
    assertThat(bench.told).anyMatch(each -> each.endsWith("Trying again."));
    assertThat(bench.server.counters().applied()).isEqualTo(1);
  }

  @Test
  void aLostAnswerIsRecognisedWhenPuttingBackToo() throws Exception {
    AtomicInteger lost = new AtomicInteger(100);
    try (TamperingProxy proxy = losing(lost, 1)) {
      DnsChange change =
          bench.begin(bench.updater(DnsBench.LOSING, bench.zoneAt(proxy.address())), aMove());
      change.publish();
      lost.set(0);
      change.rollback();
      assertThat(change.view().state()).isEqualTo("restored");
    }
    assertThat(lost).hasValue(1);
    assertThat(bench.records()).contains("300 A 10.1.0.10").doesNotContain("300 A 10.2.0.10");
  }

  @Test
  void somebodyElsesChangeBetweenTriesIsAConflict() throws Exception {
    AtomicInteger lost = new AtomicInteger();
    try (TamperingProxy proxy =
        new TamperingProxy(
            bench.address,
            (request, answer) -> {
              if (!isUpdate(request) || lost.getAndIncrement() > 0) {
                return answer;
              }
              edit("A 10.2.0.10", "A 10.7.7.7");
              return null;
            })) {
      DnsChange change =
          bench.begin(bench.updater(DnsBench.LOSING, bench.zoneAt(proxy.address())), aMove());
      assertThatThrownBy(change::publish)
          .isInstanceOfSatisfying(
              DnsException.class, e -> assertThat(e.kind()).isEqualTo(Kind.CONFLICT))
          .hasMessageContaining("10.7.7.7");
      assertThat(change.view().state()).isEqualTo("conflict");
    }
  }

  @Test
  void aServerThatIsDownIsWaitedForAndThenUpdated() throws Exception {
    InetSocketAddress address = bench.address;
    bench.server.close();
    List<AuthoritativeServer> back = new ArrayList<>();
    bench.clock.at(Duration.ofMinutes(2), () -> back.add(startAgain(address)));
    DnsChange change = bench.begin(bench.updater(bench.zone()), aMove());
    try {
      change.publish();
      assertThat(change.view().state()).isEqualTo("published");
      assertThat(change.view().updateMillis()).isGreaterThanOrEqualTo(120_000);
      assertThat(bench.clock.passed()).isLessThan(Duration.ofMinutes(3));
      assertThat(bench.told).anyMatch(each -> each.contains("nothing listens there"));
      assertThat(DnsBench.records(back.getFirst())).contains("30 A 10.2.0.10");
    } finally {
      back.forEach(AuthoritativeServer::close);
    }
  }

  @Test
  void patienceEnds() throws Exception {
    bench.server.close();
    DnsChange change = bench.begin(bench.updater(bench.zone()), aMove());
    assertThatThrownBy(change::arm)
        .isInstanceOfSatisfying(
            DnsException.class, e -> assertThat(e.kind()).isEqualTo(Kind.UNREACHABLE))
        .hasMessageContaining("127.0.0.1 port " + bench.address.getPort());
    assertThat(bench.clock.passed()).as("arm does not wait").isLessThan(Duration.ofSeconds(2));
    assertThatThrownBy(change::publish).isInstanceOf(DnsException.class);
    assertThat(change.view().state()).isEqualTo("failed");
    assertThat(bench.clock.passed())
        .isBetween(Duration.ofMinutes(9), DnsBench.TIMING.patience().plusSeconds(10));
  }

  @Test
  void aRollbackWaitsForAnUpdateThatASlowServerHasNotDoneYet() throws Exception {
    Thread publisher = Thread.currentThread();
    List<byte[]> held = new ArrayList<>();
    AtomicInteger updates = new AtomicInteger();
    try (TamperingProxy slow =
        new TamperingProxy(
            bench.address,
            request -> {
              if (!isUpdate(request)) {
                return List.of(request);
              }
              switch (updates.incrementAndGet()) {
                case 1 -> {
                  held.add(request);
                  publisher.interrupt(); // as one who wants to roll back does
                  return List.of();
                }
                case 2 -> {
                  return List.of(held.getFirst(), request);
                }
                default -> {
                  return List.of(request);
                }
              }
            },
            (request, answer) -> answer)) {
      DnsChange change = bench.begin(bench.updater(bench.zoneAt(slow.address())), aMove());
      assertThatThrownBy(change::publish).hasMessage("The DNS request was interrupted.");
      assertThat(Thread.interrupted()).isTrue();
      assertThat(bench.records()).contains("300 A 10.1.0.10");

      change.rollback(); // reads that nothing has been moved; then the server wakes up
      assertThat(change.view().state()).isEqualTo("restored");
      assertThat(bench.server.counters().applied()).as("moved, asked, put back").isEqualTo(3);
      assertThat(bench.records()).contains("300 A 10.1.0.10").doesNotContain("30 A 10.2.0.10");
    }
  }

  @Test
  void anInterruptEndsAStepAtOnce() throws Exception {
    try (DatagramSocket silent =
        new DatagramSocket(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))) {
      DnsTiming patient =
          new DnsTiming(
              TrySchedule.once(Duration.ofMinutes(5)),
              TrySchedule.ONCE,
              Duration.ofSeconds(1),
              Duration.ofSeconds(1),
              Duration.ofSeconds(1),
              Duration.ofHours(1),
              Duration.ofMinutes(1),
              53);
      DnsUpdater updater =
          bench.updater(
              patient,
              bench.zoneAt(new InetSocketAddress(silent.getLocalAddress(), silent.getLocalPort())));
      DnsChange change = bench.begin(updater, aMove());
      AtomicReference<DnsException> thrown = new AtomicReference<>();
      AtomicReference<Boolean> flag = new AtomicReference<>(false);
      CountDownLatch ended = new CountDownLatch(1);
      Thread thread =
          new Thread(() -> {
            try {
              change.publish();
            } catch (DnsException e) {
              thrown.set(e);
            }
            flag.set(Thread.currentThread().isInterrupted());
            ended.countDown();
          });
      thread.start();
      byte[] buffer = new byte[1024];
      silent.setSoTimeout(30_000);
      silent.receive(new java.net.DatagramPacket(buffer, buffer.length)); // it waits from now on
      thread.interrupt();
      assertThat(ended.await(30, TimeUnit.SECONDS)).isTrue();
      assertThat(thrown.get())
          .isInstanceOfSatisfying(
              DnsException.class, e -> assertThat(e.kind()).isEqualTo(Kind.INTERRUPTED));
      assertThat(flag.get()).isTrue();
      assertThat(change.view().state()).as("no verdict on DNS").isEqualTo("updating");
    }
  }

  private static DnsMove aMove() {
    return DnsBench.move(List.of("10.1.0.10"), List.of("10.2.0.10"));
  }

  /** Loses the answers to the first {@code count} updates, as {@code lost} counts them. */
  private TamperingProxy losing(AtomicInteger lost, int count) throws IOException {
    return new TamperingProxy(
        bench.address,
        (request, answer) -> {
          if (isUpdate(request) && lost.get() < count) {
            lost.incrementAndGet();
            return null;
          }
          return answer;
        });
  }

  static boolean isUpdate(byte[] message) throws IOException {
    return new Header(message).getOpcode() == Opcode.UPDATE;
  }

  private void edit(String from, String to) {
    try {
      bench.edit(from, to);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private AuthoritativeServer startAgain(InetSocketAddress address) {
    try {
      AuthoritativeServer server =
          new AuthoritativeServer(
              bench.server.zone(), List.of(DnsBench.key(DnsBench.SECRET)), bench.clock);
      server.start(address);
      return server;
    } catch (DnsException e) {
      throw new AssertionError(e);
    }
  }
}
