package dev.holdfast.redirector.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.dns.server.AuthoritativeServer;
import dev.holdfast.redirector.dns.server.Zone;
import java.net.InetSocketAddress;
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

  /** Refused at first, and cut right after; the next daemon owes them, and moves them. */
  @Test
  void reverseRecordsThatAreOwedAreMovedByWhoeverComesNext() throws Exception {
    try (DnsBench bench = new DnsBench(folder);
        AuthoritativeServer reverse = new AuthoritativeServer(reverseZone(), keys(), bench.clock)) {
      Config.DnsZone at =
          DnsBench.zone(
              "in-addr.arpa.",
              reverse.start(new InetSocketAddress("127.0.0.1", 0)),
              "mv-key.",
              bench.file("other.key", DnsBench.OTHER_SECRET + "\n"));
      DnsUpdater updater = bench.updater(bench.zone(), at);
      DnsMove move = DnsBench.move(List.of("10.1.0.10"), List.of("10.2.0.10"));
      DnsChange change = bench.begin(updater, move);
      change.arm();
      change.publish();
      assertThat(change.view().state()).isEqualTo("published");
      assertThat(change.view().problem()).contains("PTR record could not be changed", "BADSIG");
      assertThat(bench.journal.getLast().owesReverse()).isTrue();
      assertThat(pointers(reverse)).containsExactly("10.0.1.10.in-addr.arpa.");

      DnsState left = bench.journal.getLast(); // its finish has come, and failed as well
      updater.resume(left, bench::heard).finish();
      assertThat(bench.journal.getLast().view().state()).isEqualTo("finished");
      assertThat(bench.journal.getLast().isOpen(true)).isTrue();

      bench.file("other.key", DnsBench.SECRET + "\n");
      updater.resume(bench.journal.getLast(), bench::heard).finish();
      assertThat(pointers(reverse)).containsExactly("10.0.2.10.in-addr.arpa.");
      assertThat(bench.journal.getLast().isOpen(true)).isFalse();
      assertThat(bench.journal.getLast().problem()).isNull();

      bench.file("other.key", DnsBench.OTHER_SECRET + "\n");
      updater.resume(left, bench::heard).rollback();
      assertThat(bench.journal.getLast().isOpen(false)).isTrue();
      bench.edit("10.1.0.10", "10.1.0.77"); // the name is somebody else's by now
      bench.file("other.key", DnsBench.SECRET + "\n");
      updater.resume(bench.journal.getLast(), bench::heard).rollback();
      assertThat(pointers(reverse)).containsExactly("10.0.1.10.in-addr.arpa.");
      assertThat(bench.records()).contains("300 A 10.1.0.77").doesNotContain("300 A 10.1.0.10");
      assertThat(bench.journal.getLast().isOpen(false)).isFalse();
    }
  }

  private static List<TsigKey> keys() throws DnsException {
    return List.of(DnsBench.key(DnsBench.SECRET));
  }

  private static Zone reverseZone() throws Exception {
    return Zone.parse(
        "in-addr.arpa.",
        """
        $TTL 300
        @ IN SOA ns1.lab.test. admin.lab.test. 7 3600 600 86400 30
        @ IN NS ns1.lab.test.
        10.0.1.10 IN PTR vm.lab.test.
        """);
  }

  private static List<String> pointers(AuthoritativeServer at) {
    return at.zone().lines().stream()
        .filter(each -> each.contains(" PTR "))
        .map(each -> each.substring(0, each.indexOf(' ')))
        .toList();
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
