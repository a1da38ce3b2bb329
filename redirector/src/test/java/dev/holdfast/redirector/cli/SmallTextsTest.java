package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.control.FakeService;
import dev.holdfast.redirector.control.Json;
import dev.holdfast.redirector.migration.MigrationView;
import java.nio.charset.StandardCharsets;
import java.time.ZoneId;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SmallTextsTest {

  @ParameterizedTest
  @CsvSource({
    "0, 0 ms",
    "0.26, 0.3 ms",
    "9.94, 9.9 ms",
    "10.4, 10 ms",
    "999, 999 ms",
    "1000, 1.0 s",
    "9949, 9.9 s",
    "12345, 12 s",
    "119999, 119 s",
    "120000, 2 min",
    "7199000, 119 min",
    "7200000, 2 h",
    "7440000, 2 h 4 min",
    "172799000, 47 h 59 min",
    "172800000, 2 days"
  })
  void timesHaveTheUnitThatFits(double millis, String text) {
    assertThat(Amounts.time(millis)).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0 B",
    "1023, 1023 B",
    "1024, 1.0 KiB",
    "1572864, 1.5 MiB",
    "5368709120, 5.0 GiB",
    "9007199254740992, 8192.0 TiB"
  })
  void sizesToo(long bytes, String text) {
    assertThat(Amounts.bytes(bytes)).isEqualTo(text);
  }

  @Test
  void reasonsComeMostFirst() {
    assertThat(Amounts.reasons(Map.of("b", 2L, "a", 2L, "c", 3L, "d", 0L)))
        .isEqualTo("3 c, 2 a, 2 b");
    assertThat(Amounts.reasons(Map.of())).isEmpty();
  }

  /** Also of a daemon that does not know of much. */
  @Test
  void aMigrationIsShownWithItsHooksAndTheLimitOfItsHold() {
    MigrationView view =
        Json.read(
            """
            {"name": "web1", "state": "holding", "legal": ["release"], "oldAddresses": [],
             "id": "id-1", "role": "redirector", "remote": "host-b", "encapsulation": "tls",
             "returnPath": "symmetric", "holdPolicy": "queue",
             "newAddresses": [], "history": [], "drops": {}, "alerts": [],
             "held": {}, "traffic": {},
             "holdLimit": {"epochNanos": 1772366410000000000, "then": "keep"},
             "hooks": [
               {"event": "armed", "command": "/bin/tell -v", "result": "ok", "exitCode": 0,
                "epochNanos": 1772366400000000000, "millis": 12.3, "output": ""},
               {"event": "holding", "command": "/bin/tell -v", "result": "failed", "exitCode": 3,
                "epochNanos": 1772366401000000000, "millis": 1300, "output": "no\\nway"}]}
            """
                .getBytes(StandardCharsets.UTF_8),
            MigrationView.class);
    assertThat(MigrationText.show(view, new When(FakeService.NOON, ZoneId.of("UTC"))))
        .contains(
            "hold limit  12:00:10 (in 10 s), then it goes on holding and raises an alarm\n",
            """
            hooks
              AT        EVENT    RESULT       TOOK  COMMAND
              12:00:00  armed    ok          12 ms  /bin/tell -v
              12:00:01  holding  failed (3)  1.3 s  /bin/tell -v
              the last one printed:
                no
                way
            """);
  }

  @Test
  void timesAreLocalAndRelative() {
    var when = new When(FakeService.NOON, ZoneId.of("Asia/Tokyo"));
    assertThat(when.at(FakeService.NOON - 180_000_000_000L)).isEqualTo("20:57:00 (3 min ago)");
    assertThat(when.at(FakeService.NOON + 20_000_000_000L)).isEqualTo("21:00:20 (in 20 s)");
    assertThat(when.clock(FakeService.NOON - 86_400_000_000_000L)).isEqualTo("2026-02-28 21:00:00");
  }

  @Test
  void columnsAreAligned() {
    var table = new Table("  ", "A", ">NUMBER", "LAST");
    assertThat(table.isEmpty()).isTrue();
    table.row("long", "1", "");
    table.row("x", "12345678", "end");
    assertThat(table)
        .hasToString("  A       NUMBER  LAST\n  long         1\n  x     12345678  end\n");
    assertThatThrownBy(() -> table.row("too few")).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aPercentileIsAValueThatWasSeen() {
    List<Double> values = List.of(1.0, 2.0, 3.0, 4.0);
    assertThat(ReportText.percentile(values, 50)).isEqualTo(2.0);
    assertThat(ReportText.percentile(values, 99)).isEqualTo(4.0);
    assertThat(ReportText.percentile(values, 75)).isEqualTo(3.0);
    assertThat(ReportText.percentile(List.of(7.0), 50)).isEqualTo(7.0);
  }
}
