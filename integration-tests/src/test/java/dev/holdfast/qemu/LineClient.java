package dev.holdfast.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A client that never stops: it sends numbered lines, at a fixed pace whatever comes back, and the
 * guest answers each with its own count and the line. Nothing may be missing, twice or out of
 * order, and the count shows that it is the same process of the same guest all the time.
 */
final class LineClient implements AutoCloseable {
  /** Of the guest's service: counts the lines of one connection. */
  static final int PORT = 7000;

  /** What the guest runs for each connection. */
  static final String SERVICE = "exec awk '{ print NR, $0; fflush() }'";

  /** A line that was answered; times by {@link System#nanoTime}. */
  private record Answered(long sent, long received) {}

  private final SocketChannel channel;
  private final long interval;
  private final Thread writer;
  private final Thread reader;
  private final List<Long> sent = new ArrayList<>();
  private final List<Answered> answered = new ArrayList<>();
  private volatile boolean stopping;
  private @Nullable String failure;

  private LineClient(SocketChannel channel, String name, Duration interval) {
    this.channel = channel;
    this.interval = interval.toNanos();
    writer = new Thread(this::write, name + " sends");
    reader = new Thread(this::read, name + " reads");
    writer.setDaemon(true);
    reader.setDaemon(true);
  }

  /** Connects, and begins to send. */
  static LineClient connect(Namespace machine, IpAddress guest, Duration interval)
      throws Exception {
    SocketChannel channel = machine.call(SocketChannel::open);
    try {
      channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
      channel.socket().connect(new InetSocketAddress(guest.toInetAddress(), PORT), 10_000);
    } catch (IOException e) {
      channel.close();
      throw e;
    }
    var client = new LineClient(channel, "client of " + guest, interval);
    client.writer.start();
    client.reader.start();
    client.awaitMore(5);
    return client;
  }

  private void write() {
    long next = System.nanoTime();
    try {
      while (!stopping) {
        long number;
        synchronized (this) {
          sent.add(System.nanoTime());
          number = sent.size();
        }
        ByteBuffer line = ByteBuffer.wrap((number + "\n").getBytes(StandardCharsets.US_ASCII));
        while (line.hasRemaining()) {
          channel.write(line);
        }
        next += interval;
        for (long wait = next - System.nanoTime(); wait > 0; wait = next - System.nanoTime()) {
          LockSupport.parkNanos(wait);
        }
      }
      channel.shutdownOutput();
    } catch (IOException e) {
      fail("sending ended: " + e.getMessage());
    }
  }

  private void read() {
    try (var in =
        new BufferedReader(
            new InputStreamReader(Channels.newInputStream(channel), StandardCharsets.US_ASCII))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        long now = System.nanoTime();
        synchronized (this) {
          int number = answered.size() + 1;
          if (!line.equals(number + " " + number)) {
            fail("instead of line " + number + " came: " + line);
          }
          answered.add(new Answered(sent.get(number - 1), now));
          notifyAll();
        }
      }
      if (!stopping) {
        fail("the guest has closed the connection");
      }
    } catch (IOException e) {
      fail("reading ended: " + e.getMessage());
    }
  }

  private synchronized void fail(String why) {
    if (failure == null) {
      failure = why + " (after " + answered.size() + " of " + sent.size() + " lines)";
    }
    notifyAll();
  }

  /** Waits until lines that are sent from now on have been answered. */
  synchronized void awaitMore(int lines) throws InterruptedException {
    long wanted = sent.size() + lines;
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
    while (answered.size() < wanted) {
      assertThat(failure).isNull();
      long millis = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
      assertThat(millis).as("answers: %d of %d", answered.size(), sent.size()).isPositive();
      wait(millis);
    }
  }

  /** The longest time in the window, its ends included, in which no answer came, in millis. */
  synchronized double longestGap(long fromNanos, long toNanos) {
    long longest = 0;
    long last = fromNanos;
    for (Answered each : answered) {
      if (each.received - fromNanos > 0 && each.received - toNanos < 0) {
        longest = Math.max(longest, each.received - last);
        last = each.received;
      }
    }
    return Math.max(longest, toNanos - last) / 1e6;
  }

  /** The median time from a line of the window to its answer, in millis. */
  synchronized double roundTrip(long fromNanos, long toNanos) {
    double[] all =
        answered.stream()
            .filter(each -> each.sent - fromNanos > 0 && each.received - toNanos < 0)
            .mapToDouble(each -> (each.received - each.sent) / 1e6)
            .sorted()
            .toArray();
    assertThat(all).as("lines in the window").isNotEmpty();
    return all[all.length / 2];
  }

  /** The port at its own machine. */
  int port() throws IOException {
    return ((InetSocketAddress) channel.getLocalAddress()).getPort();
  }

  synchronized int lines() {
    return answered.size();
  }

  /** Fails when a line is missing, or the connection has not lived. */
  synchronized void requireWell() {
    assertThat(failure).isNull();
  }

  /** Ends the connection in good order: every line has come back, in order, once. */
  void finish() throws InterruptedException {
    stopping = true;
    LockSupport.unpark(writer);
    writer.join();
    reader.join(TimeUnit.SECONDS.toMillis(60));
    synchronized (this) {
      assertThat(failure).isNull();
      assertThat(answered).as("lines that came back").hasSameSizeAs(sent);
      assertThat(reader.isAlive()).as("the guest has not closed the connection").isFalse();
    }
  }

  @Override
  public void close() throws IOException {
    stopping = true;
    channel.close();
  }
}
