package dev.holdfast.redirector.replay.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.replay.FlowResult;
import dev.holdfast.redirector.replay.ReplayReport;
import dev.holdfast.redirector.replay.Verdict;
import dev.holdfast.redirector.replay.report.Expectation.Outcome;
import dev.holdfast.redirector.replay.report.ReportTap.Judged;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Limits as somebody writes them, and reports that keep them or do not. */
class ExpectationTest {
  private static final String TWICE = "tcp 10.1.0.10:80 - 10.9.0.2:40000";

  @TempDir private Path folder;

  private Path file(String toml) throws IOException {
    return Files.writeString(folder.resolve("limits.toml"), toml.replace("\\n", "\n"));
  }

  private static FlowResult flow(long firstPacket, Verdict verdict) {
    return new FlowResult(
        TWICE, firstPacket, 9, verdict, 1, 1, true, -1, 5_000_000, 0, 0, 0, List.of());
  }

  /** Two connections of one name, and more that the report has no room for. */
  private static ReplayReport report() {
    return new ReplayReport(
        "trace.pcap",
        "pcap",
        1_000,
        999,
        Map.of(),
        null,
        0,
        0,
        List.of(new ReplayReport.Guest(List.of("10.1.0.10"), 0, 1)),
        "tls",
        0,
        0,
        0,
        0,
        Map.of(),
        0,
        Map.of("survived", 30_001L, "stalled", 1L, "reset", 1L),
        new ReplayReport.Recovery(30_003, 1_000_000, 60_000_400, 90_000_000),
        new ReplayReport.Totals(
            700_000_000,
            31,
            12,
            Map.of(
                TWICE,
                Map.of("stalled", 1L, "reset", 1L),
                TWICE + " packet:1",
                Map.of("stalled", 1L),
                TWICE + " packet:17",
                Map.of("reset", 1L),
                "tcp left out",
                Map.of("survived", 3L),
                "tcp absent",
                Map.of())),
        List.of(flow(1, new Verdict.Stalled(2, false)), flow(17, new Verdict.Reset("nobody"))),
        30_001,
        null,
        null);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "survived = \"two\" | 1:1: 'survived' is to be a whole number, 0 or more, not the text 'two'.",
        "\\nsurvived = 1.5 | 2:1: 'survived' is to be a whole number, 0 or more, not 1.5.",
        "lost-datagrams = -1 | 1:1: 'lost-datagrams' is to be a whole number, 0 or more, not -1.",
        "retransmissions = [1] | is to be a whole number, 0 or more, not a list.",
        "recovery-p99-ms = true | is to be a number, 0 or more, not true.",
        "longest-wait-ms = nan | is to be a number, 0 or more, not NaN.",
        "longest-wait-ms = inf | is to be a number, 0 or more, not Infinity.",
        "replayed-packets = 95 | is to be a share, a number from 0 to 1, not 95.",
        "moved = 1 | 1:1: 'moved' is to be true or false, not 1.",
        "damaged = 1979-05-27 | is to be true or false, not a date or time.",
        "sha256 = \"abc\" | is to be a text of 64 hexadecimal digits, not the text 'abc'.",
        "flows = 3 | 1:1: 'flows' is to be a table, [flows], not 3.",
        "[survived]\\nx = 1 | 1:1: 'survived' is to be a whole number, 0 or more, not a table.",
        "[flows]\\n\"tcp a\" = \"surived\" | 2:1: the verdict of 'tcp a' is to be one of survived, stalled, reset, corrupted, not-replayed, not the text 'surived'.",
        "[flows]\\n\"x\" = 3 | 2:1: the verdict of 'x' is to be one of survived, stalled, reset, corrupted, not-replayed, not 3.",
        "survive = 2 | 1:1: 'survive' is no limit; there are corrupted, damaged, flows,",
        "survived = | limits.toml:1:",
      })
  void mistakesAreToldWithTheirPlace(String toml, String words) throws IOException {
    Path limits = file(toml);

    assertThatThrownBy(() -> Expectation.read(limits))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(limits + ":")
        .hasMessageContaining(words)
        .hasMessageNotContaining("Long")
        .hasMessageNotContaining("Toml");
  }

  @Test
  void whatIsNoTextIsSaid() throws IOException {
    Path limits = Files.write(folder.resolve("latin"), new byte[] {'#', (byte) 0xe9, '\n'});
    assertThatThrownBy(() -> Expectation.read(limits)).hasMessage(limits + " is no text in UTF-8.");
    assertThatThrownBy(() -> Expectation.read(folder)).hasMessageContaining("is a directory");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "longest-wait-ms = 700 | true  | 700",
        "longest-wait-ms = 699 | false | 700",
        "retransmissions = 30  | false | 31",
        "retransmissions = 31  | true  | 31",
        "lost-datagrams = 11   | false | 12",
        "recovery-p99-ms = 60  | false | 60.0004",
        "recovery-p99-ms = 60.5 | true | 60.000",
        "replayed-packets = 0.999 | true | 0.999",
        "survived = 30001      | true  | 30001",
        "[flows]\\n\"tcp left out\" = \"survived\" | true | survived",
        "[flows]\\n\"tcp absent\" = \"survived\" | false | not in the capture",
        "[flows]\\n\"tcp 10.1.0.10:80 - 10.9.0.2:40000\" = \"stalled\" | false | reset 1, stalled 1",
        "[flows]\\n\"tcp 10.1.0.10:80 - 10.9.0.2:40000 packet:17\" = \"reset\" | true | reset",
        "[flows]\\n\"tcp 10.1.0.10:80 - 10.9.0.2:40000 packet:1\" = \"reset\" | false | stalled",
      })
  void limitsAreOfAllConnections(String toml, boolean isMet, String found) throws IOException {
    Expectation expectation = Expectation.read(file("stalled = 1\\n" + toml));

    List<Outcome> outcomes = expectation.check(report());

    assertThat(outcomes).filteredOn(each -> !each.isMet()).hasSize(isMet ? 0 : 1);
    Outcome outcome =
        outcomes.stream().filter(each -> !each.what().equals("stalled")).findFirst().orElseThrow();
    assertThat(outcome.isMet()).isEqualTo(isMet);
    assertThat(outcome.found()).isEqualTo(found);
  }

  @Test
  void theReplayIsAskedForTheNamesAlone() throws IOException {
    assertThat(Expectation.usual().namedFlows()).isEmpty();
    assertThat(Expectation.read(file("stalled = 0")).namedFlows()).isEmpty();
    assertThat(Expectation.read(file("[flows]\\n\"tcp a\" = \"survived\"")).namedFlows())
        .containsExactly("tcp a");
  }

  @Test
  void connectionsOfOneNameCanBeToldApart() {
    ReplayReport report = report();
    var judged = List.of(new Judged(report, List.of()));

    assertThat(ReportText.of(report, List.of(), false))
        .containsOnlyOnce(TWICE + " packet:1 ")
        .containsOnlyOnce(TWICE + " packet:17 ");
    assertThat(ReportTap.of(judged))
        .containsOnlyOnce(TWICE + " packet:1\n")
        .containsOnlyOnce(TWICE + " packet:17\n");
    assertThat(ReportXml.of(judged))
        .containsOnlyOnce(TWICE + " packet:1\"")
        .containsOnlyOnce(TWICE + " packet:17\"");
  }
}
