package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.control.ControlClient;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.steer.Kernel;
import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One migration from armed to done by the engines of two hosts that exist in this process alone:
 * journal, control connection, data connection, name server and control API are real, the kernel is
 * looked at and not changed. What runs once in a release has run once then.
 */
final class DressRehearsal {
  private static final String NAME = "rehearsal";
  private static final String LOOPBACK = "lo";
  private static final String TOKEN = "00112233445566778899aabbccddeeff";
  private static final Duration AT_MOST = Duration.ofSeconds(5);
  private static final long LOOK_MILLIS = 5;
  private static final int PACKETS = 16;
  static final int CONNECTIONS = 2;
  private static final IpAddress GUEST = IpAddress.parse("192.0.2.1"); // RFC 5737: documentation
  private static final IpAddress GUEST_AFTERWARDS = IpAddress.parse("203.0.113.1");
  private static final IpAddress PEER = IpAddress.parse("198.51.100.1");

  private DressRehearsal() {}

  static void play(Path parent, HostIdentity identity, Kernel kernel, Clock clock)
      throws IOException, RequestRefused, InterruptedException {
    Path folder = parent.resolve("rehearsal"); // short: the path of a socket has 107 bytes
    if (Files.exists(folder)) {
      delete(folder); // of a daemon that was killed meanwhile
    }
    Files.createDirectories(folder);
    InetAddress loopback = InetAddress.getLoopbackAddress();
    try (var names = new RehearsalNames(folder, GUEST, clock);
        var fresh =
            new RehearsalHost(
                folder.resolve("new"),
                identity,
                kernel,
                clock,
                List.of(),
                record(Role.ENDPOINT, null));
        var old =
            new RehearsalHost(
                folder.resolve("old"),
                identity,
                kernel,
                clock,
                names.zones(),
                record(Role.REDIRECTOR, RehearsalNames.GUEST_NAME))) {
      InetSocketAddress address = fresh.start(new InetSocketAddress(loopback, 0), NAME);
      InetSocketAddress unused = old.start(address, NAME);
      await(clock, () -> old.client().show(NAME).linkUp());
      play(old, fresh, clock);
    } catch (DnsException e) {
      throw new IOException(e);
    } finally {
      delete(folder);
    }
  }

  private static void play(RehearsalHost old, RehearsalHost fresh, Clock clock)
      throws IOException, RequestRefused, InterruptedException {
    ControlClient there = fresh.client();
    ControlClient here = old.client();
    MigrationView held = here.hold(NAME);
    for (int i = 0; i < PACKETS; i++) {
      old.kernelSends(packet(PEER, GUEST, 4000 + i, 80, held.epoch() + i));
    }
    await(clock, () -> there.show(NAME).held().staged() >= PACKETS / 2);
    MigrationView released = there.release(NAME);
    for (int i = 0; i < PACKETS; i++) {
      fresh.kernelSends(packet(GUEST, PEER, 80, 4000 + i, released.epoch() + i));
    }
    await(clock, () -> here.show(NAME).state().equals(MigrationState.REDIRECTING.label()));
    await(clock, () -> isMoved(here.show(NAME).dns()));
    MigrationView paused = there.holdToReturn(NAME);
    old.kernelSends(packet(PEER, GUEST, 4000, 80, paused.epoch()));
    MigrationView goesOn = there.release(NAME);
    await(clock, () -> here.show(NAME).wayBack() == null);
    MigrationView done = here.finish(NAME, goesOn.wayBack() == null);
    if (!MigrationState.ofLabel(done.state()).isEnded()) {
      throw new IllegalStateException("the rehearsed migration is " + done.state());
    }
  }

  private static boolean isMoved(MigrationView.@Nullable DnsView names) {
    return names != null && names.lastStaleEpochNanos() != 0;
  }

  private static PacketBuilder packet(
      IpAddress from, IpAddress to, int fromPort, int toPort, long sequence) {
    return new PacketBuilder(from, to)
        .tcp(fromPort, toPort, sequence & 0xffff_ffffL, 1, PacketView.ACK, 1_000)
        .payload(32);
  }

  static MigrationRecord record(Role role, @Nullable String name) {
    return new MigrationRecord(
        "00000000-0000-0000-0000-000000000001",
        NAME,
        1,
        role,
        MigrationState.ARMED,
        NAME,
        List.of(GUEST.toString()),
        List.of(GUEST_AFTERWARDS.toString()),
        "02:00:5e:00:53:01",
        LOOPBACK,
        LOOPBACK,
        LOOPBACK,
        List.of("192.0.2.0/24"),
        "tls",
        CONNECTIONS,
        "symmetric",
        "queue",
        name,
        name == null ? List.of() : List.of(GUEST_AFTERWARDS.toString()),
        null,
        TOKEN,
        0,
        null,
        List.of(),
        null,
        null,
        null,
        null);
  }

  private interface Condition {
    boolean isMet() throws IOException, RequestRefused;
  }

  private static void await(Clock clock, Condition condition)
      throws IOException, RequestRefused, InterruptedException {
    long end = clock.nanoTime() + AT_MOST.toNanos();
    while (!condition.isMet()) {
      if (clock.nanoTime() - end >= 0) {
        throw new IOException("the rehearsed migration does not go on");
      }
      Thread.sleep(LOOK_MILLIS);
    }
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(each);
      }
    }
  }
}
