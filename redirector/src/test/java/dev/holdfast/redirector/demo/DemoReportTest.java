package dev.holdfast.redirector.demo;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.load.ConnectionResult;
import dev.holdfast.redirector.demo.load.ConnectionResult.Bytes;
import dev.holdfast.redirector.demo.load.Kind;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.redirector.demo.measure.Distribution;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class DemoReportTest {
  private static final Bytes BYTES = new Bytes(1, 1, 1);

  private static ScenarioResult result(boolean without, Outcome... outcomes) {
    List<ConnectionResult> connections = new ArrayList<>();
    for (Outcome outcome : outcomes) {
      connections.add(
          new ConnectionResult(
              connections.size(),
              Kind.BULK_UP,
              "client",
              new InetSocketAddress("10.9.0.2", 40001),
              false,
              outcome,
              outcome == Outcome.SURVIVED ? "" : "a reason",
              BYTES,
              BYTES));
    }
    return new ScenarioResult(
        ScenarioOptions.defaults().with(o -> o.without = without),
        connections,
        new Distribution(List.of(1.25, 2.5)),
        0,
        new Distribution(List.of()),
        0.3,
        without ? null : Double.valueOf(4.5),
        2100.0,
        "10.2.0.10",
        true,
        List.of("10.1.0.10"),
        List.of("10.2.0.10"),
        without ? null : Double.valueOf(12),
        "lladdr 52:54:00:10:00:10 REACHABLE",
        List.of(),
        List.of(),
        List.of(),
        null);
  }

  private static JsonNode json(ScenarioResult result) {
    return JsonMapper.shared().readTree(DemoReport.json(result));
  }

  @Test
  void hasEveryFieldThatToolsReadByName() {
    JsonNode json = json(result(false, Outcome.SURVIVED, Outcome.SURVIVED));
    assertThat(json.propertyNames())
        .startsWith(
            "schema",
            "encapsulation",
            "connections",
            "recoveryMillis",
            "guestBackoffMillis",
            "resumeToReleaseMillis",
            "longestSilenceMillis",
            "held",
            "newConnection",
            "dns",
            "leftBehind");
    assertThat(json.get("schema").asString()).isEqualTo("holdfast.demo/1");
    assertThat(json.get("connections").toString())
        .isEqualTo("{\"before\":2,\"survived\":2,\"reset\":0,\"corrupted\":0,\"stalled\":0}");
    assertThat(json.get("recoveryMillis").toString())
        .isEqualTo("{\"p50\":1.25,\"p99\":2.5,\"max\":2.5,\"samples\":2}");
    assertThat(json.get("guestBackoffMillis").toString()).isEqualTo("{\"p50\":null,\"max\":null}");
    assertThat(json.get("newConnection").toString())
        .isEqualTo("{\"address\":\"10.2.0.10\",\"ok\":true}");
    assertThat(json.get("dns").propertyNames()).containsExactly("before", "after", "updateMillis");
    assertThat(json.get("leftBehind").isArray()).isTrue();
  }

  @Test
  void withoutHoldfastWhatDoesNotApplyIsNull() {
    JsonNode json = json(result(true, Outcome.STALLED));
    assertThat(json.get("encapsulation").isNull()).isTrue();
    assertThat(json.get("recoveryMillis").isNull()).isTrue();
    assertThat(json.get("guestBackoffMillis").isNull()).isTrue();
    assertThat(json.get("resumeToReleaseMillis").isNull()).isTrue();
    assertThat(json.get("held").isNull()).isTrue();
    assertThat(json.get("dns").get("updateMillis").isNull()).isTrue();
    assertThat(json.get("connections").get("stalled").asInt()).isEqualTo(1);
  }

  @Test
  void oneLostConnectionSpoilsIt() {
    assertThat(result(false, Outcome.SURVIVED).isGood()).isTrue();
    ScenarioResult lost = result(false, Outcome.SURVIVED, Outcome.RESET);
    assertThat(lost.isGood()).isFalse();
    assertThat(DemoText.of(lost))
        .contains("2 before, 1 survived, 1 reset")
        .contains("BULK_UP 1 from port 40001: a reason")
        .contains("1 of 2 connections survived");
  }

  @Test
  void thePersonReadsTheSame() {
    assertThat(DemoText.of(result(false, Outcome.SURVIVED)))
        .contains("p50 1.3 ms, p99 2.5 ms, max 2.5 ms after release (2 clients waited)")
        .contains("[10.1.0.10] before, [10.2.0.10] after, updated in 12.0 ms")
        .contains("All 1 connections survived; nothing was left behind.");
    assertThat(DemoText.of(result(true, Outcome.STALLED)))
        .contains("Without Holdfast every old connection is lost; new ones work.");
  }
}
