package dev.holdfast.redirector.dns;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The process dies at any of its journal entries, and another goes on from the journal. */
class DnsCrashTest {
  @TempDir Path folder;

  /** Stands for SIGKILL: nothing after it happens. */
  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  @FunctionalInterface
  private interface Steps {
    void run(DnsChange change) throws DnsException;
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aMoveEndsTheSameWhereverItWasCut(boolean entryIsWritten) throws Exception {
    List<String> moved =
        List.of("300 A 10.1.0.99", "300 A 10.2.0.10", "300 AAAA fd00:2:0:0:0:0:0:10");
    int cuts =
        cutEverywhere(
            entryIsWritten,
            change -> {
              change.arm();
              change.publish();
              change.awaitServers();
              change.finish();
            },
            moved);
    assertThat(cuts).as("entries in the journal").isGreaterThan(6);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aRollbackEndsTheSameWhereverItWasCut(boolean entryIsWritten) throws Exception {
    List<String> untouched =
        List.of("300 A 10.1.0.10", "300 A 10.1.0.99", "300 AAAA fd00:1:0:0:0:0:0:10");
    int cuts =
        cutEverywhere(
            entryIsWritten,
            change -> {
              if (!change.view().state().equals("restored")
                  && change.state().publishedEpochNanos() == 0) {
                change.arm();
                change.publish();
              }
              change.rollback();
            },
            untouched);
    assertThat(cuts).isGreaterThan(5);
  }

  @Test
  void theJournalsFormReadsBack() throws Exception {
    try (DnsBench bench = new DnsBench(folder)) {
      DnsChange change = bench.begin(bench.updater(bench.zone()), DnsBench.move());
      change.arm();
      change.publish();
      change.awaitServers();
      String json = change.state().toJson();
      assertThat(json).startsWith("{").doesNotContain("\n").contains("\"loweredTtl\":30");
      assertThat(DnsState.fromJson(json)).isEqualTo(change.state());
      assertThat(DnsState.fromJson(json).view()).isEqualTo(change.view());
      assertThat(DnsState.fromJson(json.replaceFirst("\\{", "{\"later\":1,")))
          .as("a field of a later version is passed over")
          .isEqualTo(change.state());
    }
  }

  /** How many entries there were to be cut at. */
  private int cutEverywhere(boolean entryIsWritten, Steps steps, List<String> expected)
      throws Exception {
    for (int cut = 1; ; cut++) {
      try (DnsBench bench = new DnsBench(folder)) {
        DnsUpdater updater = bench.updater(bench.zone());
        List<DnsState> journal = new ArrayList<>();
        journal.add(DnsState.of(DnsBench.move()));
        boolean wasKilled = false;
        try {
          steps.run(updater.begin(DnsBench.move(), killer(journal, cut, entryIsWritten)));
        } catch (Killed e) {
          wasKilled = true;
        }
        DnsState found = DnsState.fromJson(journal.getLast().toJson());
        steps.run(updater.resume(found, DnsListener.NONE));
        assertThat(bench.records()).as("cut at entry %d", cut).containsExactlyElementsOf(expected);
        if (!wasKilled) {
          return cut - 1;
        }
      }
    }
  }

  private static DnsListener killer(List<DnsState> journal, int cut, boolean entryIsWritten) {
    return new DnsListener() {
      private int entries;

      @Override
      public void changed(DnsState state, String text) {
        boolean dies = ++entries == cut;
        if (!dies || entryIsWritten) {
          journal.add(state);
        }
        if (dies) {
          throw new Killed();
        }
      }
    };
  }
}
