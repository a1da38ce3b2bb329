package dev.holdfast.redirector.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.decide.Role;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MigrationJournalTest {
  @TempDir Path folder;

  static MigrationRecord sample(String name) {
    return new MigrationRecord(
        UUID.nameUUIDFromBytes(name.getBytes(java.nio.charset.StandardCharsets.UTF_8)).toString(),
        name,
        7,
        Role.REDIRECTOR,
        MigrationState.PLANNED,
        "host-b",
        List.of("10.1.0.10", "fd00:1::10"),
        List.of("10.2.0.10"),
        "52:54:00:10:00:10",
        "br0",
        "vnet3",
        "br0",
        List.of("10.1.0.0/24"),
        "tls",
        4,
        "symmetric",
        "queue",
        null,
        List.of(),
        null,
        "",
        0,
        null,
        List.of(),
        null,
        null,
        null,
        null);
  }

  @Test
  void whatWasRecordedIsThereAfterwards() throws IOException {
    MigrationRecord web = sample("web1");
    MigrationRecord armed = web.withToken("00ff").entering(MigrationState.ARMED, 1_000);
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      journal.record(web);
      journal.record(sample("db1"));
      journal.record(armed);
    }
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      assertThat(journal.records()).containsExactlyInAnyOrder(armed, sample("db1"));
    }
  }

  @Test
  void aJournalThatSaysNothingOfDataConnectionsMeansOne() throws IOException {
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      journal.record(sample("web1"));
    }
    Path file = folder.resolve("migrations.jsonl");
    String written = Files.readString(file);
    Files.writeString(file, written.replace("\"connections\":4,", ""));
    assertThat(Files.readString(file)).isNotEqualTo(written);
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      assertThat(journal.records()).containsExactly(sample("web1").withConnections(1));
    }
  }

  @Test
  void whatWasForgottenIsNot() throws IOException {
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      journal.record(sample("web1"));
      journal.forget(sample("web1").id());
      assertThat(journal.records()).isEmpty();
    }
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      assertThat(journal.records()).isEmpty();
    }
  }

  @Test
  void aTornLastLineIsAChangeThatWasNeverMade() throws IOException {
    MigrationRecord web = sample("web1");
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      journal.record(web);
    }
    Path file = folder.resolve("migrations.jsonl");
    String whole = Files.readString(file);
    String next = whole.replace("PLANNED", "ARMED");
    for (int cut = 0; cut < next.length() - 1; cut++) {
      Files.writeString(file, whole + next.substring(0, cut));
      try (MigrationJournal journal = MigrationJournal.open(folder)) {
        assertThat(journal.records()).containsExactly(web);
      }
    }
  }

  @Test
  void aDamagedLineIsNamed() throws IOException {
    Files.writeString(folder.resolve("migrations.jsonl"), "{\"id\":\n{}\n");

    assertThatThrownBy(() -> MigrationJournal.open(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("migrations.jsonl line 1");
  }

  @ParameterizedTest
  @ValueSource(strings = {"null", "{}", "7", "[]", "{\"id\":\"web1\"}"})
  void aLineThatIsNoRecordIsNamed(String line) throws IOException {
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      journal.record(sample("web1"));
    }
    Path file = folder.resolve("migrations.jsonl");
    Files.writeString(file, Files.readString(file) + line + "\n");

    assertThatThrownBy(() -> MigrationJournal.open(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("migrations.jsonl line 2");
  }

  @Test
  void manyThreadsMayRecordAtOnce() throws Exception {
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      List<Thread> threads =
          java.util.stream.IntStream.range(0, 50)
              .mapToObj(i -> Thread.ofVirtual().start(() -> journal.record(sample("m" + i))))
              .toList();
      for (Thread thread : threads) {
        thread.join();
      }
    }
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      assertThat(journal.records()).hasSize(50);
    }
  }

  @Test
  void aJournalOfAnEarlierVersionIsRead() throws IOException {
    Path file = folder.resolve("migrations.jsonl");
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      journal.record(sample("web1"));
    }
    String line = Files.readString(file);
    assertThat(line).contains(",\"takingBack\":null");
    Files.writeString(file, line.replace(",\"takingBack\":null", ""));
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      assertThat(journal.records()).containsExactly(sample("web1"));
    }
  }

  @Test
  void takingBackIsRememberedUntilItIsAnswered() {
    MigrationRecord released =
        sample("web1")
            .entering(MigrationState.ARMED, 1)
            .entering(MigrationState.HOLDING, 2)
            .entering(MigrationState.REDIRECTING, 3);
    MigrationRecord asked = released.takingBack(8L);
    assertThat(asked.takingBack()).isEqualTo(8);
    assertThat(asked.epoch()).isEqualTo(7);
    assertThat(asked.takingBack(null)).isEqualTo(released);
    MigrationRecord back = asked.entering(MigrationState.ROLLED_BACK, 4).inEpoch(8);
    assertThat(back.epoch()).isEqualTo(8);
    assertThat(back.takingBack()).isNull();
  }

  private static final String OPEN_NAME =
      """
      {"name":"vm.lab.test.","oldAddresses":["10.1.0.10"],"newAddresses":["10.2.0.10"],\
      "phase":"failed","sets":[{"zone":"lab.test.","name":"vm.lab.test.","type":"A",\
      "before":["10.1.0.10"],"ttl":300,"loweredTtl":30,"removed":["10.1.0.10"],\
      "added":["10.2.0.10"]}],"now":["10.2.0.10"],"ttlSeenEpochNanos":0,\
      "publishedEpochNanos":0,"updateMillis":0,"newSeenEpochNanos":0,\
      "lastStaleEpochNanos":0,"problem":null}\
      """;

  private static MigrationRecord ended(String name, long epoch, String dns) {
    return ended(name, epoch, "vm.lab.test", dns);
  }

  private static MigrationRecord ended(String name, long epoch, String dnsName, String dns) {
    MigrationRecord base = sample(name).inEpoch(epoch);
    return new MigrationRecord(
            base.id(),
            name,
            epoch,
            base.role(),
            MigrationState.ARMED,
            base.remote(),
            base.oldAddresses(),
            base.newAddresses(),
            base.guestMac(),
            base.from(),
            base.guestPort(),
            base.deliver(),
            base.oldLans(),
            base.encapsulation(),
            base.connections(),
            base.returnPath(),
            base.holdPolicy(),
            dnsName,
            base.dnsAddresses(),
            null,
            "",
            0,
            dns,
            List.of(),
            null,
            null,
            null,
            null)
        .entering(MigrationState.ROLLED_BACK, epoch);
  }

  @Test
  void aJournalIsMadeShorterWhileItIsWritten() throws Exception {
    Path file = folder.resolve("migrations.jsonl");
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      journal.record(sample("db1"));
      List<Thread> threads =
          java.util.stream.IntStream.range(0, 8)
              .mapToObj(i ->
                  Thread.ofVirtual()
                      .start(() -> {
                        for (long epoch = 1; epoch <= 500; epoch++) {
                          journal.record(sample("m" + i).inEpoch(epoch));
                        }
                      }))
              .toList();
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(Files.size(file)).isLessThan((1 << 20) + 20_000);
      journal.forget(sample("m7").id());
    }
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      assertThat(journal.records())
          .extracting(MigrationRecord::epoch)
          .containsExactlyInAnyOrder(7L, 500L, 500L, 500L, 500L, 500L, 500L, 500L);
    }
  }

  @Test
  void whatHasEndedIsForgottenUnlessItsNameNeedsIt() throws Exception {
    MigrationRecord older = ended("older", 7, OPEN_NAME);
    MigrationRecord newer = ended("newer", 8, OPEN_NAME.replace("failed", "restored"));
    MigrationRecord open = ended("open", 9, OPEN_NAME);
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      for (MigrationRecord each : List.of(older, newer, open, sample("live"))) {
        journal.record(each);
      }
      String unknown = "00000000-0000-0000-0000-000000000009";
      assertThat(journal.forgetEnded(List.of(newer.id(), open.id(), sample("live").id(), unknown)))
          .as("without the newer ones the older would think that the name is its own")
          .containsExactly(unknown);
      assertThat(journal.forgetEnded(List.of(older.id(), newer.id(), open.id())))
          .containsExactly(older.id(), newer.id());
    }
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      assertThat(journal.records()).containsExactly(open, sample("live"));
    }
  }

  /** Of several names a later migration may have one in hand, and the earlier one the others. */
  @Test
  void eachNameBelongsToTheNewestThatHasMovedIt() throws Exception {
    String both = "[" + OPEN_NAME + "," + OPEN_NAME.replace("vm.", "www.") + "]";
    MigrationRecord older = ended("older", 7, "vm.lab.test,WWW.lab.test.", both);
    MigrationRecord newer = ended("newer", 8, OPEN_NAME.replace("failed", "restored"));
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      journal.record(older);
      assertThat(journal.newestNames(older)).containsExactly("vm.lab.test", "www.lab.test");
      journal.record(newer);
      assertThat(journal.newestNames(older)).containsExactly("www.lab.test");
      assertThat(journal.forgetEnded(List.of(older.id(), newer.id())))
          .as("the older one has still www to put back")
          .isEmpty();
      journal.record(older.withDns(both.replace("failed", "restored")));
      assertThat(journal.forgetEnded(List.of(older.id(), newer.id())))
          .containsExactly(older.id(), newer.id());
    }
  }

  @Test
  void aLongJournalKeepsEndedOnesWhoseNameIsStillOpen() throws IOException {
    Path file = folder.resolve("migrations.jsonl");
    MigrationRecord open = ended("open", 9, OPEN_NAME);
    MigrationRecord settled = ended("settled", 8, OPEN_NAME.replace("failed", "restored"));
    MigrationRecord older = ended("older", 7, OPEN_NAME);
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      journal.record(older);
      journal.record(settled);
      journal.record(open);
      journal.record(sample("live"));
    }
    String lines = Files.readString(file);
    Files.writeString(file, lines.repeat((1 << 20) / lines.length() + 2));
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      assertThat(journal.records())
          .as("a newer one of the same name has what the older one would do")
          .containsExactlyInAnyOrder(open, sample("live"));
    }
    assertThat(Files.size(file)).isLessThan(1 << 20);
  }
}
