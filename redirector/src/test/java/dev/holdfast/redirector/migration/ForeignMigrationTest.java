package dev.holdfast.redirector.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.control.ControlClient;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.steer.FakeKernel;
import dev.holdfast.tunnel.endpoint.ControlChannel;
import dev.holdfast.tunnel.endpoint.ControlMessage;
import dev.holdfast.tunnel.endpoint.EndpointHandler;
import dev.holdfast.tunnel.endpoint.RemoteHost;
import dev.holdfast.tunnel.endpoint.TunnelEndpoint;
import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.SystemClock;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A proven remote host speaks of a migration that is another remote host's, and nothing happens; or
 * of its own without end, and is cut off.
 */
class ForeignMigrationTest {
  static final String NAME = "foreign";
  static final UUID ID = UUID.fromString("00000000-0000-0000-0000-000000000002");

  @TempDir private Path folder;

  private static MigrationRecord record(String remote) {
    return record(remote, Role.ENDPOINT);
  }

  static MigrationRecord record(String remote, Role role) {
    return new MigrationRecord(
        ID.toString(),
        NAME,
        7,
        role,
        MigrationState.ARMED,
        remote,
        List.of("192.0.2.1"),
        List.of("203.0.113.1"),
        "02:00:5e:00:53:01",
        "lo",
        "lo",
        "lo",
        List.of("192.0.2.0/24"),
        "tls",
        1,
        "symmetric",
        "queue",
        null,
        List.of(),
        null,
        "00112233445566778899aabbccddeeff",
        0,
        null,
        List.of(),
        null,
        null,
        null,
        null);
  }

  static final class Listener implements EndpointHandler {
    final BlockingQueue<ControlMessage> said = new LinkedBlockingQueue<>();
    final BlockingQueue<String> down = new LinkedBlockingQueue<>();

    @Override
    public void controlUp(ControlChannel channel) {}

    @Override
    public void controlDown(ControlChannel channel, String reason) {
      down.add(reason);
    }

    @Override
    public void message(ControlChannel channel, ControlMessage message) {
      said.add(message);
    }

    @Override
    public LinkAnswer bind(String remoteName, UUID migration, long epoch, byte[] token, int lane) {
      return new LinkAnswer.Refuse("no");
    }

    @Override
    public void counted(DropReason reason) {}
  }

  private static ControlMessage armRequest(long epoch) {
    return new ControlMessage.ArmRequest(
        1,
        ID,
        "mine",
        epoch,
        false,
        List.of(IpAddress.parse("192.0.2.7")),
        List.of(IpAddress.parse("203.0.113.7")),
        null,
        "lo",
        "tls",
        "symmetric",
        List.of(),
        "",
        1,
        "");
  }

  static HostIdentity identity() throws Exception {
    return HostIdentity.create(
        "both", Duration.ofDays(1), SystemClock.INSTANCE, new SecureRandom());
  }

  static FakeKernel kernel() {
    var kernel = new FakeKernel();
    kernel.answer("sysctl net/ipv4/conf/lo/forwarding", "1");
    kernel.answer("sysctl net/ipv4/conf/lo/rp_filter", "0");
    kernel.answer("sysctl net/ipv4/conf/all/rp_filter", "0");
    return kernel;
  }

  /** Each of these waits for the word of the hold; a thousand of them may, and not any number. */
  @Test
  void whoeverAsksForMoreThanCanBeDoneIsCutOff() throws Exception {
    HostIdentity identity = identity();
    InetSocketAddress nobody = new InetSocketAddress(InetAddress.getLoopbackAddress(), 1);
    try (var loop = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
        var host =
            new RehearsalHost(
                folder, identity, kernel(), SystemClock.INSTANCE, List.of(), record("friend"))) {
      InetSocketAddress address = host.start(nobody, "friend");
      var listener = new Listener();
      var remote = new RemoteHost("host", address, identity.fingerprint().toString(), List.of());
      try (var endpoint =
          new TunnelEndpoint(identity, List.of(remote), loop, listener, SystemClock.INSTANCE)) {
        ControlChannel channel = endpoint.control("host").get(20, TimeUnit.SECONDS);
        for (int i = 0; i < 1_000; i++) {
          channel.send(new ControlMessage.Release(ID, 7, 0));
        }
        assertThat(listener.down.poll(1, TimeUnit.SECONDS)).isNull();
        for (int i = 0; i < 20_000; i++) {
          channel.send(new ControlMessage.Release(ID, 7, 0));
        }
        assertThat(listener.down.poll(20, TimeUnit.SECONDS)).isNotNull();
        assertThat(host.client().show(NAME).state()).isEqualTo("armed");
      }
    }
  }

  @Test
  void aMigrationOfAnotherRemoteHostIsUnknownToThisOne() throws Exception {
    HostIdentity identity = identity();
    FakeKernel kernel = kernel();
    InetSocketAddress nobody = new InetSocketAddress(InetAddress.getLoopbackAddress(), 1);
    try (var loop = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
        var host =
            new RehearsalHost(
                folder,
                identity,
                kernel,
                SystemClock.INSTANCE,
                List.of(),
                record("somebody-else"))) {
      InetSocketAddress address = host.start(nobody, "friend");
      var listener = new Listener();
      var remote = new RemoteHost("host", address, identity.fingerprint().toString(), List.of());
      try (var endpoint =
          new TunnelEndpoint(identity, List.of(remote), loop, listener, SystemClock.INSTANCE)) {
        ControlChannel channel = endpoint.control("host").get(20, TimeUnit.SECONDS);
        ControlClient client = host.client();
        for (ControlMessage message :
            List.of(
                new ControlMessage.Held(ID, 7),
                new ControlMessage.Release(ID, 7, 0),
                new ControlMessage.Rollback(ID, 7),
                new ControlMessage.Finish(ID, 7),
                new ControlMessage.FlowSnapshot(ID, 7, List.of()),
                new ControlMessage.TakeBack(ID, 7, 8, true),
                new ControlMessage.Inquiry(ID, 7))) {
          channel.send(message);
          ControlMessage answer = listener.said.poll(20, TimeUnit.SECONDS);
          assertThat(answer).as("%s", message).isInstanceOf(ControlMessage.Fault.class);
          ControlMessage.Fault fault = (ControlMessage.Fault) answer;
          assertThat(fault.code()).isEqualTo(ControlMessage.Fault.UNKNOWN_MIGRATION);
          assertThat(fault.text()).contains("there is no migration " + ID + " of yours here");
          assertThat(client.show(NAME).state()).isEqualTo("armed");
        }
        channel.send(new ControlMessage.Released(ID, 7, 0, 0, List.of(9L))); // has no answer
        channel.send(armRequest(9));
        assertThat(listener.said.poll(20, TimeUnit.SECONDS))
            .isInstanceOfSatisfying(
                ControlMessage.ArmReply.class,
                reply -> assertThat(reply.refusal()).contains("a migration has the id " + ID));
        byte[] token = HexFormat.of().parseHex(record("somebody-else").token());
        assertThatThrownBy(() ->
                endpoint
                    .openLink("host", ID, 7, token, 0, (type, payload) -> {})
                    .get(20, TimeUnit.SECONDS))
            .hasMessageContaining("no migration here has that id, epoch and token for friend");
        assertThat(client.show(NAME))
            .satisfies(left -> {
              assertThat(left.state()).isEqualTo("armed");
              assertThat(left.remote()).isEqualTo("somebody-else");
              assertThat(left.epoch()).isEqualTo(7);
            });
      }
    }
  }
}
