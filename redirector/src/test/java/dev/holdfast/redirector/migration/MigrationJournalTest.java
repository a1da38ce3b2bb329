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
        "symmetric",
        "queue",
        null,
        List.of(),
        null,
        "",
        0,
        null,
        List.of(),
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
}
