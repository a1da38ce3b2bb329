package dev.holdfast.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.Namespace;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** One file that curl downloads by one connection, and what has come of it. */
final class Download implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(120);

  private final Process curl;
  private final Path log;
  private final Thread reader;
  private final MessageDigest sha256;
  private final long begun = System.nanoTime();
  private volatile long limit = Long.MAX_VALUE;
  private long bytes;
  private long last = begun;
  private long stall;
  private @Nullable String failure;

  private Download(Process curl, Path log) {
    this.curl = curl;
    this.log = log;
    try {
      sha256 = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
    reader = new Thread(this::read, "download");
    reader.setDaemon(true);
    reader.start();
  }

  /**
   * Begins.
   *
   * @param machine where the client is
   * @param log gets what curl complains of
   */
  static Download begin(Namespace machine, String url, Path log) throws IOException {
    Process curl =
        new ProcessBuilder(machine.within("curl", "-sSf", url)).redirectError(log.toFile()).start();
    return new Download(curl, log);
  }

  /** Takes no more from now on than so many bytes a second; curl, and TCP, wait for that. */
  void slowDown(long bytesPerSecond) {
    limit = bytesPerSecond;
  }

  /** Takes what comes again. */
  void speedUp() {
    limit = Long.MAX_VALUE;
  }

  private void read() {
    var block = new byte[64 << 10];
    try (InputStream in = curl.getInputStream()) {
      for (int length = in.read(block); length >= 0; length = in.read(block)) {
        sha256.update(block, 0, length);
        count(length);
        LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(length) / limit);
      }
    } catch (IOException e) {
      fail(e);
    }
  }

  private synchronized void count(int length) {
    long now = System.nanoTime();
    stall = Math.max(stall, now - last);
    last = now;
    bytes += length;
    notifyAll();
  }

  private synchronized void fail(IOException e) {
    failure = e.getMessage();
    notifyAll();
  }

  synchronized long bytes() {
    return bytes;
  }

  /** The longest time in which nothing came, in milliseconds. */
  synchronized double longestStall() {
    return stall / 1e6;
  }

  /** From its begin to its last byte, in seconds. */
  synchronized double seconds() {
    return (last - begun) / 1e9;
  }

  /** Waits until so much has come. */
  synchronized void await(long wanted) throws Exception {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    long before = bytes;
    while (bytes < wanted) {
      assertThat(reader.isAlive())
          .as("the download goes on after %d bytes: %s %s", bytes, failure, said())
          .isTrue();
      if (bytes > before) {
        before = bytes;
        deadline = System.nanoTime() + PATIENCE.toNanos();
      }
      assertThat(System.nanoTime()).as("more than %d bytes", bytes).isLessThan(deadline);
      wait(1_000);
    }
  }

  private String said() throws IOException {
    return Files.readString(log).strip();
  }

  /** Waits for the end, which must be a good one; gives the SHA-256, hexadecimal. */
  String finish(long size) throws Exception {
    await(size);
    assertThat(curl.waitFor()).as("curl's status: %s", said()).isZero();
    reader.join();
    assertThat(bytes()).as("bytes that came").isEqualTo(size);
    return HexFormat.of().formatHex(sha256.digest());
  }

  @Override
  public void close() throws InterruptedException {
    var unused = curl.destroyForcibly().waitFor();
  }
}
