package dev.holdfast.redirector.demo.load;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.SocketChannel;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * One connection with both of its ends: four threads that read and write, and the judgement.
 *
 * <p>It lives from the client's connect until both ends have said their last, have failed, or it is
 * abandoned.
 */
final class Conversation {
  private final int index;
  private final Kind kind;
  private final boolean guestFirst;
  private final String machine;
  private final InetSocketAddress clientAddress;
  private final Script script;
  private final Course course;
  private final End client;
  private final long seed;
  private final CountDownLatch running = new CountDownLatch(4);

  private @Nullable End guest;
  private @Nullable String failure;
  private Outcome failed = Outcome.STALLED;
  private boolean abandoned;

  Conversation(
      int index,
      long seed,
      String machine,
      InetSocketAddress clientAddress,
      SocketChannel channel,
      Script script,
      Course course) {
    this.index = index;
    this.kind = Kind.of(index);
    this.guestFirst = index / Kind.values().length % 2 == 1;
    this.machine = machine;
    this.clientAddress = clientAddress;
    this.script = script;
    this.course = course;
    this.seed = seed + 2L * index;
    this.client = new End(channel, course, this.seed, this.seed + 1);
  }

  Kind kind() {
    return kind;
  }

  /** The client's connection stands. */
  void clientConnected() {
    begin("client", client, true);
  }

  /** The guest's service has accepted it. */
  void guestAccepted(SocketChannel channel) {
    End end = new End(channel, course, seed + 1, seed);
    synchronized (this) {
      guest = end;
    }
    begin("guest", end, false);
  }

  private void begin(String side, End end, boolean isClient) {
    String name = kind + " " + index + " " + side;
    Thread.ofVirtual().name(name + " reads").start(() -> run(side, () -> read(end, isClient)));
    Thread.ofVirtual()
        .name(name + " writes")
        .start(() ->
            run(
                side,
                () -> {
                  if (isClient) {
                    script.client(kind, guestFirst, end);
                  } else {
                    script.guest(kind, guestFirst, end);
                  }
                }));
  }

  private interface Part {
    void run() throws IOException, InterruptedException;
  }

  private void run(String side, Part part) {
    try {
      part.run();
    } catch (IOException e) {
      fail(side, e);
    } catch (InterruptedException e) {
      throw new AssertionError("nobody interrupts the ends of a connection", e);
    } finally {
      running.countDown();
    }
  }

  private void read(End end, boolean isClient) throws IOException {
    end.receiveAll();
    boolean due = isClient ? end.sent().isEnded() : course.isClosing();
    if (!due) {
      throw new IOException("it was ended early by the other side");
    }
  }

  private synchronized void fail(String side, IOException why) {
    if (failure != null || abandoned) {
      return;
    }
    String words = why.getMessage() == null ? why.toString() : why.getMessage();
    failure = "at the " + side + ": " + words;
    failed =
        words.contains("reset") || words.contains("Broken pipe") || words.contains("early")
            ? Outcome.RESET
            : Outcome.STALLED;
    abandon();
  }

  /** Closes both ends; what had not failed by now is judged by how far it came. */
  synchronized void abandon() {
    abandoned = true;
    client.close();
    End other = guest;
    if (other != null) {
      other.close();
    }
  }

  /** Whether bytes that were written after the move have arrived, both ways. */
  boolean hasMovedBothWays() {
    End other = guest();
    return other != null && arrived(client, other) && arrived(other, client);
  }

  private static boolean arrived(End from, End to) {
    StreamLedger sent = from.sent();
    return to.received().position() > sent.count(Phase.BEFORE) + sent.count(Phase.DURING);
  }

  long sentByClient() {
    return client.sent().position();
  }

  synchronized boolean hasFailed() {
    return failure != null;
  }

  private synchronized @Nullable End guest() {
    return guest;
  }

  /** Counts to zero when all four threads have ended. */
  CountDownLatch running() {
    return running;
  }

  /** The judgement; to be asked once, when all is over. */
  synchronized ConnectionResult result() {
    String detail = failure;
    Outcome outcome = failed;
    End other = guest;
    if (detail == null) {
      outcome = Outcome.STALLED;
      if (other == null) {
        detail = "the guest never accepted it";
      } else if (client.received().wrongAt() >= 0 || other.received().wrongAt() >= 0) {
        outcome = Outcome.CORRUPTED;
        detail = "a wrong byte " + wrongWhere(client, other);
      } else if (!hasMovedBothWays()) {
        detail = "no new bytes " + silentWhere(client, other);
      } else if (abandoned || running.getCount() > 0) {
        detail = "it did not come to its end";
      } else if (!sameBytes(client, other) || !sameBytes(other, client)) {
        outcome = Outcome.CORRUPTED;
        detail = "the SHA-256 sums of what was sent and received differ";
      } else {
        outcome = Outcome.SURVIVED;
        detail = "";
      }
    }
    ConnectionResult.Bytes none = new ConnectionResult.Bytes(0, 0, 0);
    return new ConnectionResult(
        index,
        kind,
        machine,
        clientAddress,
        guestFirst,
        outcome,
        detail,
        ConnectionResult.Bytes.of(client.sent()),
        other == null ? none : ConnectionResult.Bytes.of(other.sent()));
  }

  private static String wrongWhere(End client, End guest) {
    return guest.received().wrongAt() >= 0
        ? "reached the guest at offset " + guest.received().wrongAt()
        : "reached the client at offset " + client.received().wrongAt();
  }

  private static String silentWhere(End client, End guest) {
    boolean up = arrived(client, guest);
    boolean down = arrived(guest, client);
    return up ? "reached the client" : down ? "reached the guest" : "moved either way";
  }

  private static boolean sameBytes(End from, End to) {
    return from.sent().position() == to.received().position()
        && from.sent().sha256().equals(to.received().sha256());
  }
}
