package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.path.DataLoop;
import dev.holdfast.redirector.steer.Kernel;
import dev.holdfast.tunnel.endpoint.ControlChannel;
import dev.holdfast.tunnel.endpoint.ControlMessage;
import dev.holdfast.tunnel.endpoint.EndpointHandler;
import dev.holdfast.tunnel.endpoint.RemoteHost;
import dev.holdfast.tunnel.endpoint.TunnelEndpoint;
import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.link.TlsLink;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A play of holds and releases that a daemon gives for itself when it starts, so that nothing runs
 * for the first time when a guest waits.
 *
 * <p>The packets of a release are few and all count, and the virtual machine compiles a method only
 * after it has run many times: without this, the compiler works for a tenth of a second on the very
 * processors that the first packets need. So a migration is first played from arm to done by the
 * engine itself ({@link DressRehearsal}); then both roles, a TLS connection between them on the
 * loopback, real descriptors and thousands of packets are played through the code that will carry
 * the guest's, until there is little left to compile. Everything is the rehearsal's own and is
 * thrown away: its loop, its connection, its migration. It has the lowest priority.
 */
final class Rehearsal {
  private static final Logger log = LoggerFactory.getLogger(Rehearsal.class);

  static final byte[] TOKEN = new byte[16];

  private static final long AT_MOST_NANOS = 8_000_000_000L;
  private static final long LAP_AT_MOST_NANOS = 800_000_000L;
  private static final long AT_LEAST_PACKETS = 2_500;

  /** It is enough when the compiler has worked less than this share of a while. */
  private static final double CALM = 0.3;

  private static final long WHILE_NANOS = 200_000_000L;
  private static final long ANSWER_NANOS = 1_000_000_000L;

  /** A packet takes microseconds; one that has not come by then was lost. */
  private static final long LOST_NANOS = 100_000_000L;

  private static final int PACKETS = 48;
  private static final int SENT_AGAIN = 2; // as if the endpoint had found no room for them
  private static final int FLOWS = 60;
  private static final int LONG_PAYLOAD = 1_200;
  private static final int SUPER_EVERY = 11;
  private static final int SUPER_PAYLOAD = 24_000;
  private static final String SELF = "rehearsal";

  // RFC 5737 and RFC 3849: addresses for documentation, in no network
  private static final List<IpAddress> GUEST =
      List.of(IpAddress.parse("192.0.2.1"), IpAddress.parse("2001:db8::1"));
  private static final List<IpAddress> PEER =
      List.of(IpAddress.parse("198.51.100.1"), IpAddress.parse("2001:db8:1::1"));

  private final HostIdentity identity;
  private final InetAddress own;
  private final Clock clock;
  private final CountDownLatch done;
  private final long begun;
  private long packets;
  private int rounds;
  private final List<String> laps = new ArrayList<>();
  private long lapBegun;

  private Rehearsal(HostIdentity identity, InetAddress own, Clock clock, CountDownLatch done) {
    this.identity = identity;
    this.own = own;
    this.clock = clock;
    this.done = done;
    this.begun = clock.nanoTime();
    this.lapBegun = begun;
  }

  /**
   * Begins it, in the background.
   *
   * @param folder where it may have files while it lasts
   * @param own where this host's tunnel listens
   */
  static Rehearsal begin(
      Path folder, HostIdentity identity, InetAddress own, Kernel kernel, Clock clock) {
    var rehearsal = new Rehearsal(identity, own, clock, new CountDownLatch(1));
    Thread thread =
        Thread.ofPlatform()
            .name("rehearsal")
            .daemon()
            .unstarted(() -> rehearsal.runAndSayHow(folder, kernel));
    thread.setPriority(Thread.MIN_PRIORITY);
    thread.start();
    return rehearsal;
  }

  /** One that is over, for the hosts of a rehearsal. */
  static Rehearsal over(HostIdentity identity, Clock clock) {
    return new Rehearsal(identity, InetAddress.getLoopbackAddress(), clock, new CountDownLatch(0));
  }

  /** Waits until it is over, however it went. */
  void await() {
    try {
      if (!done.await(AT_MOST_NANOS + 4 * ANSWER_NANOS, TimeUnit.NANOSECONDS)) {
        log.warn("the rehearsal does not end; the first release will be slower than others");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void runAndSayHow(Path folder, Kernel kernel) {
    try {
      dress(folder, kernel);
      lap("a migration");
      play();
      log.info("rehearsed {}", String.join(", ", laps));
    } catch (IOException | ExecutionException | TimeoutException | RuntimeException e) {
      log.warn(
          "the rehearsal failed, so the first release will be slower than others: {}",
          e.toString());
    } catch (InterruptedException e) {
      log.debug("the rehearsal was interrupted");
    } finally {
      done.countDown();
    }
  }

  private void lap(String what) {
    long now = clock.nanoTime();
    laps.add("%s in %d ms".formatted(what, (now - lapBegun) / 1_000_000));
    lapBegun = now;
  }

  /** A failure of it is no reason to leave the rest out. */
  private void dress(Path folder, Kernel kernel) throws InterruptedException {
    try {
      DressRehearsal.play(folder, identity, kernel, clock);
    } catch (IOException | RequestRefused | RuntimeException e) {
      log.warn("the rehearsal of a whole migration failed: {}", e.toString());
    }
  }

  private void play()
      throws IOException, ExecutionException, TimeoutException, InterruptedException {
    UUID id = new UUID(0, 0);
    try (DataLoop loop = DataLoop.forRehearsal();
        var old = new RehearsalSite(Role.REDIRECTOR, GUEST, id, loop, clock);
        var fresh = new RehearsalSite(Role.ENDPOINT, GUEST, id, loop, clock)) {
      var accepted = new CompletableFuture<TlsLink>();
      InetAddress loopback = InetAddress.getLoopbackAddress();
      try (TunnelEndpoint there = endpoint(loop, new Accepting(fresh, accepted), loopback, 0)) {
        int port = there.listen(new InetSocketAddress(loopback, 0)).getPort();
        try (TunnelEndpoint here = endpoint(loop, new Accepting(fresh, accepted), loopback, port);
            var questions = new RehearsalQuestions(loop, GUEST, PEER)) {
          ControlChannel control = here.control(SELF).get(ANSWER_NANOS * 5, TimeUnit.NANOSECONDS);
          TlsLink sending =
              here.openLink(SELF, id, 1, TOKEN, 0, old.inbound)
                  .get(ANSWER_NANOS * 5, TimeUnit.NANOSECONDS);
          TlsLink receiving = accepted.get(ANSWER_NANOS * 5, TimeUnit.NANOSECONDS);
          loop.run(() -> old.connect(sending, sending));
          untilCalm(round -> {
            speak(control, id, round);
            round(old, fresh, receiving, round);
            questions.ask();
          });
          lap(packets + " packets by TLS");
          ipInIp(loop, old, sending, fresh, receiving);
          log.debug("rehearsed; dropped {} and {}", old.drops(), fresh.drops());
        }
      }
    }
  }

  /** The same with live packets by IP-in-IP, where this host can. */
  private void ipInIp(
      DataLoop loop, RehearsalSite old, TlsLink sending, RehearsalSite fresh, TlsLink receiving)
      throws IOException {
    IpAddress address = RehearsalIpInIp.address(own);
    if (address == null) {
      return;
    }
    packets = 0;
    try (var raw = RehearsalIpInIp.open(loop, address, old, sending, fresh, receiving)) {
      untilCalm(round -> round(old, fresh, receiving, round));
      lap(packets + " packets by IP-in-IP");
    } catch (IOException e) {
      log.debug("no rehearsal of IP-in-IP: {}", e.getMessage());
    }
  }

  private TunnelEndpoint endpoint(
      DataLoop loop, EndpointHandler handler, InetAddress address, int port) {
    var self =
        new RemoteHost(
            SELF,
            new InetSocketAddress(address, port),
            identity.fingerprint().toString(),
            List.of());
    return new TunnelEndpoint(identity, List.of(self), loop.group(), handler, clock);
  }

  private interface Round {
    void play(int number) throws IOException;
  }

  /** Plays until what is new to the compiler has become little. */
  private void untilCalm(Round round) throws IOException {
    CompilationMXBean compiler = ManagementFactory.getCompilationMXBean();
    long since = clock.nanoTime();
    long compiledMillis = compiler == null ? 0 : compiler.getTotalCompilationTime();
    while (true) {
      round.play(rounds++);
      long now = clock.nanoTime();
      if (now - lapBegun >= LAP_AT_MOST_NANOS || now - begun >= AT_MOST_NANOS) {
        return;
      }
      if (now - since >= WHILE_NANOS) {
        long compiled = compiler == null ? 0 : compiler.getTotalCompilationTime();
        boolean calm = (compiled - compiledMillis) * 1e6 < CALM * (now - since);
        if (calm && packets >= AT_LEAST_PACKETS) {
          return;
        }
        compiledMillis = compiled;
        since = now;
      }
    }
  }

  /** What daemons say to each other around a release. */
  private static void speak(ControlChannel control, UUID id, int round) {
    control.send(new ControlMessage.Held(id, round));
    control.send(
        new ControlMessage.FlowSnapshot(
            id,
            round,
            List.of(
                new ControlMessage.FlowEntry(
                    PacketView.TCP, GUEST.getFirst(), 80, PEER.getFirst(), 4000))));
    control.send(new ControlMessage.Release(id, round, 1));
    control.send(new ControlMessage.Released(id, round, 1, 1, List.of(1L)));
  }

  /** A hold, a release, and packets both ways after it. */
  private void round(RehearsalSite old, RehearsalSite fresh, TlsLink receiving, int round)
      throws IOException {
    old.hold();
    fresh.stage(receiving);
    long before = fresh.staged();
    for (int i = 0; i < PACKETS; i++) {
      old.send(toGuest(round, i));
    }
    awaitMet(() -> fresh.staged() - before >= PACKETS);
    long upTo = fresh.release();
    old.redirect(upTo - SENT_AGAIN);
    pass(fresh);
    bothWays(old, fresh, round);
    packets += PACKETS;
  }

  /** Packets after a release. */
  private void bothWays(RehearsalSite old, RehearsalSite fresh, int round) throws IOException {
    for (int i = 0; i < PACKETS; i++) {
      fresh.send(fromGuest(round, i));
    }
    pass(old);
    for (int i = PACKETS; i < 2 * PACKETS; i++) {
      old.send(toGuest(round, i));
    }
    pass(fresh);
    packets += 2 * PACKETS;
    asFrames(old, fresh, round);
  }

  /** The same where frames are captured and sent, not packets by a TUN. */
  private void asFrames(RehearsalSite old, RehearsalSite fresh, int round) throws IOException {
    List<PacketBuilder> toGuest = new ArrayList<>();
    List<PacketBuilder> fromGuest = new ArrayList<>();
    for (int i = 0; i < PACKETS; i++) {
      toGuest.add(toGuest(round, 2 * PACKETS + i));
      fromGuest.add(fromGuest(round, 2 * PACKETS + i));
    }
    old.capture(toGuest);
    pass(fresh);
    fresh.sendFrames(toGuest);
    fresh.capture(fromGuest);
    pass(old);
    old.sendFrames(fromGuest);
    packets += 2 * PACKETS;
  }

  /** Waits until a round's packets have come out of a site. */
  private void pass(RehearsalSite site) throws IOException {
    int[] out = new int[1];
    awaitMet(() -> (out[0] += site.drain()) >= PACKETS);
  }

  private interface Condition {
    boolean isMet() throws IOException;
  }

  /** What does not come within a while was lost on a full buffer, which is no matter here. */
  private void awaitMet(Condition condition) throws IOException {
    long end = clock.nanoTime() + LOST_NANOS;
    while (!condition.isMet() && clock.nanoTime() - end < 0) {
      Thread.yield();
    }
  }

  private PacketBuilder toGuest(int round, int i) {
    return packet(PEER, GUEST, port(round, i), 80, round, i);
  }

  private PacketBuilder fromGuest(int round, int i) {
    return packet(GUEST, PEER, 80, port(round, i), round, i);
  }

  private static int port(int round, int i) {
    return 4_000 + (7 * round + i) % FLOWS;
  }

  /**
   * What guests and peers send, of every kind that is frequent: what the compiler has never seen,
   * it takes for impossible, and begins anew when it comes.
   */
  private PacketBuilder packet(
      List<IpAddress> from, List<IpAddress> to, int fromPort, int toPort, int round, int i) {
    int family = i & 1;
    long sequence = 2L * SUPER_PAYLOAD * PACKETS * round + (long) SUPER_PAYLOAD * i;
    int flags = PacketView.ACK | (i % 5 < 3 ? PacketView.PSH : 0);
    PacketBuilder packet =
        new PacketBuilder(from.get(family), to.get(family))
            .tcp(
                fromPort,
                toPort,
                sequence & 0xffff_ffffL,
                sequence / 2 & 0xffff_ffffL,
                flags,
                500 + 17 * i);
    if (i % SUPER_EVERY == 0) {
      return packet.payload(SUPER_PAYLOAD).gso(LONG_PAYLOAD);
    }
    packet.payload(
        switch (i % 4) {
          case 0 -> 0;
          case 1 -> LONG_PAYLOAD;
          default -> 32 * (i % 4);
        });
    return i % 3 == 0 ? packet : packet.checksumLeft(); // as a veth or a TUN leaves it
  }

  /** The far end of the rehearsal's connection. */
  private record Accepting(RehearsalSite site, CompletableFuture<TlsLink> accepted)
      implements EndpointHandler {
    @Override
    public void controlUp(ControlChannel channel) {}

    @Override
    public void controlDown(ControlChannel channel, String reason) {}

    @Override
    public void message(ControlChannel channel, ControlMessage message) {}

    @Override
    public LinkAnswer bind(String remoteName, UUID migration, long epoch, byte[] token, int lane) {
      return new LinkAnswer.Accept(
          site.inbound,
          link -> {
            site.connect(link, link);
            accepted.complete(link);
          });
    }

    @Override
    public void counted(DropReason reason) {}
  }
}
