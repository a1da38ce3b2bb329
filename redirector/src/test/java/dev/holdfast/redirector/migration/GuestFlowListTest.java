package dev.holdfast.redirector.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.flow.FlowKey;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

class GuestFlowListTest {
  private static final IpAddress V4 = IpAddress.parse("10.1.0.10");
  private static final IpAddress V6 = IpAddress.parse("fd00:1::10");

  @Test
  void readsWhatSsPrints() {
    String text =
        """
        State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
        ESTAB  0      0      10.1.0.10:22       10.9.0.2:50122
        ESTAB  0      36     [fd00:1::10]:443   [fd00:9::2]:40000
        ESTAB  0      0      [::ffff:10.1.0.10]:80 [::ffff:10.9.0.2]:41000
        LISTEN 0      4096   10.1.0.10:80       0.0.0.0:*
        ESTAB  0      0      10.1.0.10%eth0:25  10.9.0.3:2525
        ESTAB  0      0      127.0.0.1:5432     127.0.0.1:50000
        garbage
        """;

    assertThat(GuestFlowList.parse(text, List.of(V4, V6)))
        .containsExactly(
            new FlowKey(6, V4, 22, IpAddress.parse("10.9.0.2"), 50122),
            new FlowKey(6, V6, 443, IpAddress.parse("fd00:9::2"), 40000),
            new FlowKey(6, V4, 80, IpAddress.parse("10.9.0.2"), 41000),
            new FlowKey(6, V4, 25, IpAddress.parse("10.9.0.3"), 2525));
  }

  @Test
  void runsTheCommand() throws IOException {
    assertThat(GuestFlowList.run("echo ESTAB 0 0 10.1.0.10:1 10.9.0.2:2", List.of(V4))).hasSize(1);
  }

  @Test
  void aCommandThatFailsIsAnError() {
    assertThatThrownBy(
            () -> GuestFlowList.run("echo ESTAB 0 0 10.1.0.10:1 10.9.0.2:2; exit 3", List.of(V4)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("status 3");
  }

  @Test
  void aChildThatHangsKeepsNobody() throws IOException {
    long begun = System.nanoTime();
    assertThat(
            GuestFlowList.run(
                "setsid sleep 60 & sleep 60 & echo ESTAB 0 0 10.1.0.10:1 10.9.0.2:2", List.of(V4)))
        .hasSize(1);
    assertThat(System.nanoTime() - begun).isLessThan(5_000_000_000L);
  }

  @Test
  void aCommandThatHangsIsEnded() {
    assertThatThrownBy(() -> BoundedCommand.output("it", "sleep 60; echo late", 1))
        .isInstanceOf(IOException.class)
        .hasMessage("it took longer than 1 s: sleep 60; echo late");
  }

  @Test
  void aCommandThatPrintsWithoutEndIsAnError() {
    assertThatThrownBy(() -> GuestFlowList.run("yes ESTAB", List.of(V4)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("yes ESTAB");
  }
}
