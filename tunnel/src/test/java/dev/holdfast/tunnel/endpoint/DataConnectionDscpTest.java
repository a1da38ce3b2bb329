package dev.holdfast.tunnel.endpoint;

import static dev.holdfast.tunnel.endpoint.Recorder.next;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.link.TlsLink;
import java.net.InetSocketAddress;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The DSCP of data connections is each host's own policy (RFC 2983 section 3.2). */
class DataConnectionDscpTest {
  @ParameterizedTest
  @CsvSource({"127.0.0.1, 46, 46", "::1, 46, 46", "127.0.0.1, 0, 0", "::1, -1, 0"})
  void eachEndHasItsOwn(String where, int policy, int expected) throws Exception {
    HostIdentity a = Hosts.identity("host-a");
    HostIdentity b = Hosts.identity("host-b");
    var atB = new Recorder();
    try (var hosts = new Hosts()) {
      TunnelEndpoint far =
          hosts.endpoint(b, atB, Hosts.PATIENT.withDscp(10), Hosts.remote(a, Hosts.nowhere()));
      InetSocketAddress address = far.listen(new InetSocketAddress(where, 0));
      TunnelEndpoint near =
          hosts.endpoint(
              a, new Recorder(), Hosts.PATIENT.withDscp(policy), Hosts.remote(b, address));
      TlsLink link =
          near.openLink("host-b", new UUID(1, 2), 7, new byte[16], 0, new Recorder.Ends())
              .get(30, TimeUnit.SECONDS);
      assertThat(hosts.loop.submit(link::dscp).get()).isEqualTo(expected);
      TlsLink other = next(atB.links);
      assertThat(hosts.loop.submit(other::dscp).get()).isEqualTo(10);
    }
  }
}
