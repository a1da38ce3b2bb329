package dev.holdfast.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.guest.Guest;
import dev.holdfast.guest.Qmp;
import dev.holdfast.qemu.GuestMove.Moved;
import dev.holdfast.redirector.migration.MigrationState;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The whole case: network, memory and local disk. The disk is mirrored to the new host while the
 * guest writes to it and serves its clients, over the WAN; then all three switch together.
 *
 * <pre>
 *   disk, 64 MiB:  first half        as it was given, never written
 *                  third quarter     random bytes, written again and again
 *                  last quarter      numbered blocks, each on the disk before the next
 * </pre>
 */
@Tag("suite-tools")
class QemuDiskSuiteIT extends QemuTest {
  private static final int BLOCK = 4096;
  private static final int BLOCKS = 16_384;
  private static final int NUMBERED = BLOCKS / 4;
  private static final int HALF = BLOCK * BLOCKS / 2; // in bytes
  private static final int NBD_PORT = 10_809;

  private static final String RANDOM_WRITES =
      "while [ ! -e /tmp/calm ]; do dd if=/dev/urandom of=/dev/vda bs=64k count=16"
          + " seek=$((512 + RANDOM % 240)) conv=notrunc,fsync; done";

  private static final String NUMBERED_WRITES =
      "n=0; while [ ! -e /tmp/calm ]; do n=$((n + 1)); printf \"%"
          + (BLOCK - 1)
          + "d\\n\" $n | dd of=/dev/vda bs="
          + BLOCK
          + " count=1 iflag=fullblock seek=$((n % "
          + NUMBERED
          + " + "
          + 3 * NUMBERED
          + ")) conv=notrunc,fsync; echo $n >/tmp/number.new; mv /tmp/number.new /tmp/number; done";

  private static List<String> disk(Path file) {
    return List.of(
        "-blockdev",
        "driver=raw,node-name=disk,file.driver=file,file.filename=" + file,
        "-device",
        "virtio-blk-pci,drive=disk");
  }

  private Path made(String name, boolean random) throws IOException {
    Path file = folder.resolve(name);
    byte[] bytes = new byte[BLOCK * BLOCKS];
    if (random) {
      new Random(5).nextBytes(bytes);
    }
    return Files.write(file, bytes);
  }

  private static String digest(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  @Test
  void networkMemoryAndDiskMoveTogether() throws Exception {
    Path here = made("disk-a", true);
    Path there = made("disk-b", false);
    byte[] given = Files.readAllBytes(here);
    begin(true, PACE, List.of("virtio_blk"), disk(here));
    Guest guest = lab.guest();
    guest.must("load virtio_blk && [ -b /dev/vda ]");
    guest.background(RANDOM_WRITES);
    guest.background(NUMBERED_WRITES);
    lab.arm("tls");

    Moved moved =
        new GuestMove(lab)
            .by(this::switchTogether, "pause-before-switchover")
            .with(disk(there))
            .hooked("--no-gate")
            .there();
    long atSwitch = number();
    newConnectionsWork();
    double gap = Math.max(GuestMove.gap(v4, moved), GuestMove.gap(v6, moved));
    while (number() < atSwitch + 20) {
      Thread.sleep(200); // it writes at the new host
    }
    guest.must("touch /tmp/calm");
    Thread.sleep(3_000);
    guest.must("sync; echo 3 >/proc/sys/vm/drop_caches");
    long last = number();
    String read = guest.must("sha256sum /dev/vda | cut -c 1-64");
    System.out.printf(
        Locale.ROOT,
        "qemu: with its disk, paused for %.0f ms, gap %.0f ms, %d blocks written, %d before the"
            + " switch%n",
        moved.pauseMillis(),
        gap,
        last,
        atSwitch);
    byte[] moving = Files.readAllBytes(there);
    assertThat(digest(moving)).as("what the guest reads is the new host's disk").isEqualTo(read);
    assertThat(Arrays.mismatch(moving, 0, HALF, given, 0, HALF))
        .as("the part that nobody wrote")
        .isEqualTo(-1);
    assertThat(Arrays.mismatch(moving, HALF, HALF * 3 / 2, given, HALF, HALF * 3 / 2))
        .as("the part that was written at random")
        .isNotEqualTo(-1);
    for (long number = Math.max(1, last - NUMBERED + 1); number <= last; number++) {
      assertThat(numberAt(there, number)).as("block of number %d", number).isEqualTo(number);
    }
    assertThat(numberAt(here, last)).as("at the old host nobody writes").isNotEqualTo(last);
    endWell();
  }

  private long number() throws Exception {
    return Long.parseLong(lab.guest().must("cat /tmp/number 2>/dev/null || echo 0").strip());
  }

  private static long numberAt(Path disk, long number) throws IOException {
    byte[] block = new byte[BLOCK];
    try (var file = new RandomAccessFile(disk.toFile(), "r")) {
      file.seek((number % NUMBERED + 3L * NUMBERED) * BLOCK);
      file.readFully(block);
    }
    String text = new String(block, StandardCharsets.ISO_8859_1).strip();
    return text.matches("[0-9]+") ? Long.parseLong(text) : -1;
  }

  /** As libvirt does it: mirror, memory, pause, end of the mirror, and only then the switch. */
  private void switchTogether(LiveMigration migration) throws Exception {
    Qmp source = migration.source();
    Qmp destination = migration.destination();
    Map<String, String> at =
        Map.of("host", lab.b().address().toString(), "port", String.valueOf(NBD_PORT));
    destination.execute("nbd-server-start", Map.of("addr", Map.of("type", "inet", "data", at)));
    destination.execute(
        "block-export-add",
        Map.of("type", "nbd", "id", "disk", "node-name", "disk", "name", "disk", "writable", true));
    Map<String, String> server =
        Map.of("type", "inet", "host", lab.b().address().toString(), "port", "" + NBD_PORT);
    source.execute(
        "blockdev-add",
        Map.of("driver", "nbd", "node-name", "there", "server", server, "export", "disk"));
    int mark = source.mark();
    long begun = System.nanoTime();
    source.execute(
        "blockdev-mirror",
        Map.of(
            "job-id", "mirror",
            "device", "disk",
            "target", "there",
            "sync", "full",
            "copy-mode", "write-blocking"));
    source.await("BLOCK_JOB_READY", mark, LiveMigration.LIMIT);
    System.out.printf(
        Locale.ROOT, "qemu: disk mirrored in %.1f s%n", (System.nanoTime() - begun) / 1e9);
    migration.begin();
    migration.atSource("MIGRATION pre-switchover");
    lab.await(lab.a(), MigrationState.HOLDING);
    source.execute("block-job-cancel", Map.of("device", "mirror"));
    source.await("BLOCK_JOB_COMPLETED", mark, LiveMigration.LIMIT);
    migration.goOn();
    migration.atDestination("RESUME");
    destination.execute("nbd-server-stop");
  }
}
