package dev.holdfast.criu;

import dev.holdfast.redirector.demo.lab.Namespace;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Connections that send numbered lines without waiting for the answers, and look at each answer:
 * the server's count, the connection and the line must be what is due.
 *
 * <p>Some send ten lines each 10 ms, the others one, with up to {@link #AHEAD} unanswered.
 */
public final class LineClients implements AutoCloseable {
  private static final int AHEAD = 200;
  private static final int READ_TIMEOUT_MILLIS = 30_000;
  private static final long PACE_MILLIS = 10;
  private static final int BURST = 10;
  private static final String PADDING = "x".repeat(400);

  private final List<Client> clients = new ArrayList<>();
  private volatile boolean stopping;

  /** Who sends and reads on one connection. */
  private final class Client {
    private final int number;
    private final Socket socket;
    private final boolean busy;
    private final Semaphore ahead = new Semaphore(AHEAD);
    private final Thread reader;
    private final Thread writer;
    private volatile int sent;
    private volatile int answered;
    private volatile long last = System.nanoTime();
    private volatile long gap;
    private volatile @Nullable String failure;

    Client(int number, Socket socket, boolean busy) {
      this.number = number;
      this.socket = socket;
      this.busy = busy;
      reader = Thread.ofVirtual().unstarted(() -> guarded(this::read));
      writer = Thread.ofVirtual().unstarted(() -> guarded(this::write));
    }

    private interface Body {
      void run() throws IOException, InterruptedException;
    }

    private void guarded(Body body) {
      try {
        body.run();
      } catch (IOException | InterruptedException e) {
        failure = e.toString();
      }
    }

    private String line(int n) {
      return "connection " + number + " line " + n + " " + PADDING;
    }

    private void write() throws IOException, InterruptedException {
      OutputStream out = socket.getOutputStream();
      while (!stopping && failure == null) {
        if (!ahead.tryAcquire(100, TimeUnit.MILLISECONDS)) {
          continue;
        }
        out.write((line(sent + 1) + "\n").getBytes(StandardCharsets.US_ASCII));
        sent++;
        if (!busy || sent % BURST == 0) {
          Thread.sleep(PACE_MILLIS);
        }
      }
      socket.shutdownOutput();
    }

    private void read() throws IOException {
      var in =
          new BufferedReader(
              new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        int n = answered + 1;
        String due = n + " " + line(n);
        if (!line.equals(due)) {
          failure = "due was '" + due + "', there came '" + line + "'";
          return;
        }
        long now = System.nanoTime();
        gap = Math.max(gap, now - last);
        last = now;
        answered = n;
        ahead.release();
      }
    }

    @Nullable String fault() {
      if (failure != null) {
        return "connection " + number + ", port " + socket.getLocalPort() + ": " + failure;
      }
      return sent == answered && sent > 0
          ? null
          : "connection " + number + ": " + sent + " lines sent, " + answered + " answered";
    }
  }

  /**
   * Connects and begins to send.
   *
   * @param busy how many send ten times as much as the others
   */
  public static LineClients open(
      Namespace from, InetSocketAddress server, int connections, int busy) throws Exception {
    var all = new LineClients();
    for (int i = 1; i <= connections; i++) {
      Socket socket =
          from.call(() -> {
            var made = new Socket();
            made.connect(server, 5_000);
            return made;
          });
      socket.setSoTimeout(READ_TIMEOUT_MILLIS);
      all.clients.add(all.new Client(i, socket, i <= busy));
    }
    for (Client each : all.clients) {
      each.reader.start();
      each.writer.start();
    }
    return all;
  }

  /** Waits until each connection has had {@code lines} more answers. */
  public void awaitAnswers(int lines, long withinMillis) throws IOException, InterruptedException {
    int[] goals = clients.stream().mapToInt(each -> each.answered + lines).toArray();
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(withinMillis);
    for (int i = 0; i < goals.length; i++) {
      Client client = clients.get(i);
      while (client.answered < goals[i]) {
        String failure = client.failure;
        if (failure != null || System.nanoTime() - end >= 0) {
          throw new IOException(
              "connection %d waits for its answer %d: %s"
                  .formatted(client.number, client.answered + 1, failure));
        }
        Thread.sleep(2);
      }
    }
  }

  /** Lines that were sent and have not been answered. */
  public int unanswered() {
    return clients.stream().mapToInt(each -> each.sent - each.answered).sum();
  }

  public Set<Integer> ports() {
    Set<Integer> ports = new HashSet<>();
    clients.forEach(each -> ports.add(each.socket.getLocalPort()));
    return ports;
  }

  /** The longest time without a line on any connection, so far. */
  public long longestGapNanos() {
    return clients.stream().mapToLong(each -> each.gap).max().orElse(0);
  }

  public long lines() {
    return clients.stream().mapToLong(each -> each.answered).sum();
  }

  /**
   * Sends nothing more, reads what is due, and ends the connections in good order.
   *
   * @return what was wrong, a sentence each
   */
  public List<String> finish() throws InterruptedException {
    stopping = true;
    List<String> faults = new ArrayList<>();
    for (Client each : clients) {
      each.writer.join();
      each.reader.join();
      String fault = each.fault();
      if (fault != null) {
        faults.add(fault);
      }
    }
    return faults;
  }

  @Override
  public void close() throws IOException {
    stopping = true;
    for (Client each : clients) {
      each.socket.close();
    }
  }
}
