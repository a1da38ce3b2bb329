package dev.holdfast.scenario;

import static dev.holdfast.scenario.PreflightFailures.SOUND;
import static dev.holdfast.scenario.PreflightFailures.ip;
import static dev.holdfast.scenario.PreflightLab.Finding.failed;
import static dev.holdfast.scenario.PreflightLab.Finding.warning;
import static dev.holdfast.scenario.PreflightLab.NEW;
import static dev.holdfast.scenario.PreflightLab.OLD;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.dns.TsigKey;
import dev.holdfast.redirector.dns.server.AuthoritativeServer;
import dev.holdfast.redirector.dns.server.Zone;
import dev.holdfast.scenario.PreflightFailures.Failure;
import dev.holdfast.scenario.PreflightFailures.Step;
import dev.holdfast.scenario.PreflightLab.Draft;
import dev.holdfast.scenario.PreflightLab.Finding;
import dev.holdfast.tunnel.time.SystemClock;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every preflight failure for real: what is in the way is made, plan and arm name it with its fix,
 * it is taken away, and both hosts' kernels and the zones are as they were. {@link PreflightLab}
 * draws the lab, which all cases share. Filters of others in the forwarding path, and owners of
 * addresses, are {@link PreflightIT}'s.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PreflightFailuresIT {
  private static final String CASES = "dev.holdfast.scenario.PreflightFailures#";

  /** By a name server that does not have the hosts' key. */
  private static final String SERVED =
      """
      @ 60 IN SOA ns.lab.test. admin.lab.test. 1 3600 600 86400 1
      @ 60 IN NS ns.lab.test.
      """;

  private static final Consumer<Draft> NO_NAME = draft -> draft.dnsName = null;

  private static final long DAY = Duration.ofDays(1).toSeconds();

  private final Cleanup cleanup = new Cleanup();

  /** What was found and is gone, by the request whose plan no longer has it. */
  private final Map<Consumer<Draft>, List<Finding>> mended = new LinkedHashMap<>();

  private @Nullable PreflightLab built;

  @BeforeAll
  void build(@TempDir Path folder) throws Exception {
    built = PreflightLab.build(folder, cleanup);
    lab().isSound(SOUND, List.of());
  }

  @AfterEach
  void neitherHostHasChanged() throws Exception {
    lab().isAsItWas();
  }

  @AfterAll
  void takeDown() throws Exception {
    try {
      for (Map.Entry<Consumer<Draft>, List<Finding>> each : mended.entrySet()) {
        lab().isSound(each.getKey(), each.getValue());
      }
    } finally {
      cleanup.close();
    }
    assertThat(cleanup.problems()).isEmpty();
  }

  private PreflightLab lab() {
    return Objects.requireNonNull(built);
  }

  @ParameterizedTest
  @MethodSource({CASES + "ofTheHost", CASES + "ofTheGuest", CASES + "ofTheWay"})
  void planAndArmNameIt(Failure failure) throws Exception {
    failure.breaking().on(lab());
    try {
      lab().finds(failure.request(), failure.planned());
    } finally {
      failure.mending().on(lab());
    }
    // One plan for many, at the end: each takes seconds. The next failure's would show it, too.
    mended.computeIfAbsent(failure.mended(), any -> new ArrayList<>()).addAll(failure.planned());
  }

  @ParameterizedTest
  @MethodSource(CASES + "ofTheName")
  void planAndArmNameItOfDns(Failure failure) throws Exception {
    var strict =
        new AuthoritativeServer(
            Zone.parse("lab.test.", SERVED),
            List.of(TsigKey.of("another.", "hmac-sha256", lab().names().secret())),
            SystemClock.INSTANCE);
    try (strict) {
      lab()
          .router()
          .call(() ->
              strict.start(
                  new InetSocketAddress(lab().names().forwardEndpoint().getAddress(), 5353)));
      planAndArmNameIt(failure);
    }
  }

  @ParameterizedTest
  @MethodSource(CASES + "whichOnlyPacketsShow")
  void armNamesItAndUndoesWhatItMade(Failure failure) throws Exception {
    failure.breaking().on(lab());
    try {
      lab()
          .armIsRefusedFor(
              failure.request(), failure.planned(), Objects.requireNonNull(failure.armed()));
    } finally {
      failure.mending().on(lab());
    }
    lab().armsWith(failure.request(), List.of());
  }

  @Test
  void aHostThatKnowsNoWayToFarPeersIsWarnedOf() throws Exception {
    Finding lost =
        warning(OLD, "forwarding path", "a probe was lost by routing", "see 'ip route get'");
    Step none = ip(OLD, "rule add iif hf0 to 192.0.2.0/24 priority 100 blackhole");
    none.on(lab());
    try {
      lab().armsWith(SOUND, List.of(lost));
    } finally {
      ip(OLD, "rule del priority 100").on(lab());
    }
  }

  /** It carries less then, and says so. */
  @Test
  void aPathOfSmallPacketsIsMeasuredAndWarnedOf() throws Exception {
    Finding less =
        warning(
            OLD,
            "path MTU",
            "IP-in-IP carries inner packets of 1380 bytes, and not the usual 1480",
            "raise the path MTU between the hosts, or use --encapsulation tls");
    lab().router().ip(PreflightFailures.TO_NEW_LAN + " mtu lock 1400");
    try {
      lab().armsWith(PreflightFailures.IP_IN_IP, List.of(less));
    } finally {
      lab().router().ip(PreflightFailures.TO_NEW_LAN);
    }
  }

  /** What was measured on an earlier connection does not count. */
  private void reconnect() throws Exception {
    lab().closeControlPort();
    lab().openControlPort();
  }

  private void setClocks(long old, long fresh) throws Exception {
    lab().setClock(OLD, old);
    lab().setClock(NEW, fresh);
  }

  @Test
  void clocksThatDiffer() throws Exception {
    Finding apart = failed(OLD, "clock", "s behind this host's", "set both clocks, best by");
    Finding signatures =
        failed(
            OLD,
            "dns lab.test. update",
            "s ahead of the server's; set the one that is wrong",
            "key and clock");
    Finding reverse =
        warning(OLD, "dns 10.in-addr.arpa. update", "clocks too far apart", "key and clock");
    try {
      setClocks(400, 0);
      reconnect();
      lab().finds(SOUND, List.of(apart, signatures, reverse));

      setClocks(0, 60);
      reconnect();
      lab()
          .finds(
              SOUND,
              List.of(
                  warning(OLD, "clock", "ahead of this host's", "from 300 s on it is refused")));

      setClocks(60, 60);
      reconnect();
      String difference = "The server's clock is 60 s behind this host's";
      lab()
          .finds(
              SOUND,
              List.of(
                  warning(OLD, "dns lab.test. clock", difference, "at 300 s"),
                  warning(OLD, "dns 10.in-addr.arpa. clock", difference, "at 300 s")));
    } finally {
      setClocks(0, 0);
      reconnect();
    }
    lab().isSound(SOUND, List.of(apart, signatures, reverse));
  }

  @Test
  void certificatesThatEnd() throws Exception {
    Finding soon = warning(OLD, "certificate", "expires at ", "make another (holdfast cert init)");
    Finding there = warning(NEW, "certificate", "expires at ", "make another (holdfast cert init)");
    try {
      setClocks(360 * DAY, 360 * DAY);
      lab().finds(NO_NAME, List.of(soon, there));

      setClocks(366 * DAY, 366 * DAY);
      String over = "has expired at ";
      lab()
          .finds(
              NO_NAME,
              List.of(
                  warning(OLD, "certificate", over, "holdfast cert init"),
                  warning(NEW, "certificate", over, "holdfast cert init")));

      reconnect();
      lab()
          .finds(
              NO_NAME,
              List.of(
                  warning(OLD, "certificate", over, "holdfast cert init"),
                  failed(OLD, "control port", "expired at ", "holdfast cert")));
    } finally {
      setClocks(0, 0);
      reconnect();
    }
    lab().isSound(SOUND, List.of(soon, there));
  }
}
