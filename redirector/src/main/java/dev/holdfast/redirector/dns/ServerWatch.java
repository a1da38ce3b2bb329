package dev.holdfast.redirector.dns;

import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

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

  /**
   * Watches.
   *
   * <p>A server that does not answer is waited for as long as one that is stale, up to {@code
   * silence}: what says nothing tells no cache the old address.
   *
   * @param patience how long at most
   * @param silence how long a server may say nothing
   */
  Seen watch(List<NameServer> servers, List<Wanted> wanted, Duration patience, Duration silence)
      throws DnsException {
    long began = client.clock().nanoTime();
    Map<NameServer, String> missing = new LinkedHashMap<>();
    servers.forEach(each -> missing.put(each, ""));
    List<NameServer> silent = new ArrayList<>();
    long last = 0;
    Duration wait = timing.firstPause();
    while (true) {
      silent.clear();
      for (NameServer server : servers) {
        if (!missing.containsKey(server)) {
          continue;
        }
        String trouble = ask(server, wanted, silent);
        if (trouble == null) {
          missing.remove(server);
          last = client.clock().epochNanos(); // after the answer: no cache got an older one later
        } else {
          missing.put(server, trouble);
        }
      }
      Duration waited = Duration.ofNanos(client.clock().nanoTime() - began);
      boolean allSilent = missing.keySet().stream().allMatch(silent::contains);
      if (missing.isEmpty()
          || (allSilent && waited.compareTo(silence) >= 0)
          || waited.compareTo(patience) >= 0) {
        return seen(missing, silent, last, waited.compareTo(silence) >= 0);
      }
      sleep(wait);
      wait = timing.nextPause(wait);
    }
  }

  private Seen seen(
      Map<NameServer, String> missing, List<NameServer> silent, long last, boolean silenceIsOver) {
    List<String> stale = new ArrayList<>();
    List<String> mute = new ArrayList<>();
    missing.forEach((server, text) -> (silent.contains(server) ? mute : stale).add(text));
    boolean complete =
        stale.isEmpty()
            && (mute.isEmpty() || silenceIsOver)
            && missing.keySet().stream().noneMatch(this::isConfigured);
    // a silent server may have answered someone until just now
    long end = mute.isEmpty() ? last : client.clock().epochNanos();
    return new Seen(complete ? end : 0, List.copyOf(stale), List.copyOf(mute));
  }

  private boolean isConfigured(NameServer server) {
    return server.addresses().contains(zone.address());
  }

  /** Null when the server answers as wanted; otherwise what it does instead. */
  private @Nullable String ask(NameServer server, List<Wanted> wanted, List<NameServer> silent)
      throws DnsException {
    String trouble = server + " has no address.";
    for (InetSocketAddress address : server.addresses()) {
      try {
        for (Wanted each : wanted) {
          RecordSet now = zone.read(address, each.name(), each.type(), timing.poll());
          if (!each.isRight().test(now)) {
            return "%s still gives %s for %s.".formatted(server, now, each.name());
          }
        }
        return null;
      } catch (DnsException e) {
        if (e.kind() == DnsException.Kind.INTERRUPTED) {
          throw e;
        }
        trouble = e.sentence();
      }
    }
    silent.add(server);
    return trouble;
  }

  private void sleep(Duration time) throws DnsException {
    try {
      client.pause().sleep(time);
    } catch (InterruptedException e) {
      throw DnsException.interrupted();
    }
  }
}
