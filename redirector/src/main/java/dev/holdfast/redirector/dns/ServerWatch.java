package dev.holdfast.redirector.dns;

import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** Asks every authoritative server of a zone again and again until all answer as wanted. */
final class ServerWatch {
  private final ZoneServer zone;
  private final DnsClient client;
  private final DnsTiming timing;

  ServerWatch(ZoneServer zone, DnsClient client, DnsTiming timing) {
    this.zone = zone;
    this.client = client;
    this.timing = timing;
  }

  /**
   * What has been seen.
   *
   * @param lastEpochNanos when the last of the servers that answer gave the wanted answer; 0 when
   *     one still gives another
   * @param stale sentences: servers that still give another answer
   * @param silent sentences: servers that did not answer
   */
  record Seen(long lastEpochNanos, List<String> stale, List<String> silent) {
    boolean isComplete() {
      return lastEpochNanos != 0;
    }

    List<String> troubles() {
      return Stream.concat(stale.stream(), silent.stream()).toList();
    }
  }

  /** One set and what it must look like at every server. */
  record Wanted(String name, String type, Predicate<RecordSet> isRight) {}

  /** One server as it has been found so far. */
  private static final class Watched {
    private final NameServer server;
    private final boolean isConfigured;
    private long heardNanos;
    private boolean isRight;
    private boolean isSilent;
    private String trouble = "";

    Watched(NameServer server, boolean isConfigured, long heardNanos) {
      this.server = server;
      this.isConfigured = isConfigured;
      this.heardNanos = heardNanos;
    }

    /** The configured server is always waited for: it is the one whose answer is ours. */
    boolean isGivenUp(long nowNanos, Duration silence) {
      return isSilent && !isConfigured && nowNanos - heardNanos >= silence.toNanos();
    }
  }

  /**
   * Watches.
   *
   * @param patience how long at most
   * @param silence how long another server than the configured one may say nothing before it is no
   *     longer waited for
   */
  Seen watch(List<NameServer> servers, List<Wanted> wanted, Duration patience, Duration silence)
      throws DnsException {
    long began = client.clock().nanoTime();
    List<Watched> all =
        servers.stream()
            .map(each -> new Watched(each, each.addresses().contains(zone.address()), began))
            .toList();
    long last = 0;
    Duration wait = timing.firstPause();
    while (true) {
      for (Watched each : all) {
        if (!each.isRight) {
          ask(each, wanted);
          if (each.isRight) {
            last = client.clock().epochNanos(); // after the answer: no cache got an older one later
          }
        }
      }
      long now = client.clock().nanoTime();
      boolean complete = all.stream().allMatch(e -> e.isRight || e.isGivenUp(now, silence));
      if (complete || now - began >= patience.toNanos()) {
        return seen(all, complete ? last : 0);
      }
      sleep(wait);
      wait = timing.nextPause(wait);
    }
  }

  private Seen seen(List<Watched> all, long last) {
    List<String> stale = new ArrayList<>();
    List<String> silent = new ArrayList<>();
    for (Watched each : all) {
      if (!each.isRight) {
        (each.isSilent ? silent : stale).add(each.trouble);
      }
    }
    // one that says nothing to us may have told others the old answer until just now
    long end = last == 0 || silent.isEmpty() ? last : client.clock().epochNanos();
    return new Seen(end, List.copyOf(stale), List.copyOf(silent));
  }

  /** Asks at each address until one answers. */
  private void ask(Watched watched, List<Wanted> wanted) throws DnsException {
    watched.isSilent = true;
    for (InetSocketAddress address : watched.server.addresses()) {
      try {
        watched.trouble = compare(watched.server, address, wanted);
        watched.isRight = watched.trouble.isEmpty();
        watched.isSilent = false;
        watched.heardNanos = client.clock().nanoTime();
        return;
      } catch (DnsException e) {
        if (e.kind() == DnsException.Kind.INTERRUPTED) {
          throw e;
        }
        watched.trouble = e.sentence();
      }
    }
  }

  /** Empty when the server answers as wanted; otherwise a sentence with what it gives instead. */
  private String compare(NameServer server, InetSocketAddress address, List<Wanted> wanted)
      throws DnsException {
    for (Wanted each : wanted) {
      RecordSet now = zone.read(address, each.name(), each.type(), timing.poll());
      if (!each.isRight().test(now)) {
        return "%s still gives %s for %s.".formatted(server, now, DnsNames.plain(each.name()));
      }
    }
    return "";
  }

  private void sleep(Duration time) throws DnsException {
    try {
      client.pause().sleep(time);
    } catch (InterruptedException e) {
      throw DnsException.interrupted();
    }
  }
}
