package dev.holdfast.redirector.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.migration.ForeignMigrationTest.Listener;
import dev.holdfast.tunnel.endpoint.ControlChannel;
import dev.holdfast.tunnel.endpoint.ControlMessage;
import dev.holdfast.tunnel.endpoint.RemoteHost;
import dev.holdfast.tunnel.endpoint.TunnelEndpoint;
import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.time.SystemClock;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What IP-in-IP carries whole is known to both hosts, whatever becomes of a control channel. */
class PathMtuToldTest {
  private static final int MEASURED = 1_380;

  @TempDir private Path folder;

  private static MigrationRecord record(Role role) {
    return ForeignMigrationTest.record("friend", role)
        .carriedBy("ipip", null, 7)
        .withInnerMtu(MEASURED);
  }

  private interface Play {
    void with(RehearsalHost host, TunnelEndpoint endpoint, Listener listener) throws Exception;
  }

  /** A host that has a migration in this role, and its friend. */
  private void play(Role role, Play play) throws Exception {
    HostIdentity identity = ForeignMigrationTest.identity();
    InetSocketAddress nobody = new InetSocketAddress(InetAddress.getLoopbackAddress(), 1);
    try (var loop = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
        var host =
            new RehearsalHost(
                folder,
                identity,
                ForeignMigrationTest.kernel(),
                SystemClock.INSTANCE,
                List.of(),
                record(role))) {
      InetSocketAddress address = host.start(nobody, "friend");
      var listener = new Listener();
      var remote = new RemoteHost("host", address, identity.fingerprint().toString(), List.of());
      try (var endpoint =
          new TunnelEndpoint(identity, List.of(remote), loop, listener, SystemClock.INSTANCE)) {
        play.with(host, endpoint, listener);
      }
    }
  }

  @Test
  void theEndpointIsToldAgainWheneverItsChannelIsBack() throws Exception {
    play(
        Role.REDIRECTOR,
        (host, endpoint, listener) -> {
          for (int time = 1; time <= 2; time++) {
            ControlChannel channel = endpoint.control("host").get(20, TimeUnit.SECONDS);
            ControlMessage said;
            do {
              said = listener.said.poll(20, TimeUnit.SECONDS);
            } while (said != null && !(said instanceof ControlMessage.PathMtu));
            assertThat(said)
                .as("when channel %d has come", time)
                .isEqualTo(new ControlMessage.PathMtu(ForeignMigrationTest.ID, 7, MEASURED));
            channel.close("it is lost");
            assertThat(listener.down.poll(20, TimeUnit.SECONDS)).isNotNull();
          }
        });
  }

  @Test
  void itTakesMoreAsWellAsLessAndNothingThatNoPathHas() throws Exception {
    play(
        Role.ENDPOINT,
        (host, endpoint, listener) -> {
          ControlChannel channel = endpoint.control("host").get(20, TimeUnit.SECONDS);
          for (int bytes : new int[] {MEASURED, 1_480, 1_300}) {
            channel.send(new ControlMessage.PathMtu(ForeignMigrationTest.ID, 7, bytes));
            assertThat(awaitShown(host, bytes)).isEqualTo(bytes);
          }
          for (int bytes : new int[] {1_481, 500}) {
            channel.send(new ControlMessage.PathMtu(ForeignMigrationTest.ID, 7, bytes));
            assertThat(awaitFault(listener)).contains(bytes + " bytes cannot be the path MTU");
            assertThat(shown(host)).isEqualTo(1_300);
          }
        });
  }

  /** The endpoint asks on its own account as well. */
  private static String awaitFault(Listener listener) throws InterruptedException {
    ControlMessage said;
    do {
      said = listener.said.poll(20, TimeUnit.SECONDS);
    } while (said != null && !(said instanceof ControlMessage.Fault));
    return said instanceof ControlMessage.Fault fault ? fault.text() : "nothing was said";
  }

  private static int awaitShown(RehearsalHost host, int bytes) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (shown(host) != bytes && System.nanoTime() - end < 0) {
      Thread.sleep(5);
    }
    return shown(host);
  }

  private static int shown(RehearsalHost host) throws Exception {
    MigrationView view = host.client().show(ForeignMigrationTest.NAME);
    return Objects.requireNonNull(view.sizes()).innerMtu();
  }
}
