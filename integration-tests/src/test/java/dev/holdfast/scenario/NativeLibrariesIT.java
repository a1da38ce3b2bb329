package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.epoll.Epoll;
import io.netty.handler.ssl.OpenSsl;
import org.junit.jupiter.api.Test;
import org.pcap4j.core.Pcaps;

/** What is native loads on this machine; without this a slower fallback would go unnoticed. */
class NativeLibrariesIT {

  @Test
  void epollLoads() {
    assertThat(Epoll.unavailabilityCause()).isNull();
  }

  @Test
  void boringSslLoadsAndSpeaksTls13() {
    assertThat(OpenSsl.unavailabilityCause()).isNull();
    assertThat(OpenSsl.versionString()).contains("BoringSSL");
  }

  @Test
  void libpcapLoads() {
    assertThat(Pcaps.libVersion()).contains("libpcap");
  }
}
