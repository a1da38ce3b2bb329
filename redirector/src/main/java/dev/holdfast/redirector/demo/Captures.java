package dev.holdfast.redirector.demo;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.load.ConnectionResult;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.redirector.demo.measure.ForbiddenPackets;
import dev.holdfast.redirector.demo.measure.HeaderLog;
import dev.holdfast.redirector.demo.measure.Tap;
import dev.holdfast.redirector.demo.measure.TcpHeader;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * All taps of one scenario: TCP headers at the client, and forbidden packets at the client, both
 * sides of the router, the guest and the peer on the old LAN.
 */
final class Captures {
  private final HeaderLog client;
  private final ForbiddenPackets forbidden;
  private final List<Tap> taps = new ArrayList<>();

  private Captures(List<LabAddresses> lans) {
    client = new HeaderLog(lans.getFirst().guestOld());
    forbidden =
        new ForbiddenPackets(lans.stream().map(LabAddresses::guestOld).toArray(IpAddress[]::new));
  }

  /**
   * Opens all of them.
   *
   * @param lans the guest's, one of each of its families; of the first, connections are followed
   * @param keep folder for capture files; null: none
   */
  static Captures open(Lab lab, List<LabAddresses> lans, @Nullable Path keep, Cleanup cleanup)
      throws Exception {
    var captures = new Captures(lans);
    cleanup.add("the captures", captures::close);
    captures.taps.add(
        Tap.open(
            lab.client(),
            "eth0",
            "tcp",
            file(keep, "client.pcap"),
            (epochNanos, headers) -> {
              TcpHeader header = TcpHeader.of(headers);
              if (header != null) {
                captures.client.add(epochNanos, header);
              }
            }));
    captures.watch(lab.client(), "eth0", own(lans, LabAddresses::client), keep);
    captures.watch(lab.router(), "to-client", Set.of(), keep);
    captures.watch(lab.router(), "to-old", Set.of(), keep);
    captures.watch(lab.guest(), "eth0", own(lans, LabAddresses::guestOld), keep);
    Namespace peer = lab.peer();
    if (peer != null) {
      captures.watch(peer, "eth0", own(lans, LabAddresses::peer), keep);
    }
    return captures;
  }

  private static Set<IpAddress> own(
      List<LabAddresses> lans, Function<LabAddresses, IpAddress> address) {
    return lans.stream().map(address).collect(Collectors.toSet());
  }

  private void watch(Namespace machine, String device, Set<IpAddress> own, @Nullable Path keep)
      throws Exception {
    String name = machine.name().replaceFirst("^hf\\d+-\\d+-", "") + "-" + device;
    taps.add(
        forbidden.watchEnd(machine, device, own, file(keep, "forbidden-at-" + name + ".pcap")));
  }

  private static @Nullable Path file(@Nullable Path folder, String name) throws IOException {
    return folder == null
        ? null
        : Files.createDirectories(folder.resolve("captures")).resolve(name);
  }

  /** What the client's tap has seen of connections with the guest's old address. */
  HeaderLog client() {
    return client;
  }

  /**
   * Resets and ICMP errors, wherever they were seen.
   *
   * @param connections tell which of them came to their end in good order
   * @param ending when they were told to end
   */
  List<String> forbidden(List<ConnectionResult> connections, long ending) {
    Set<Integer> closed =
        connections.stream()
            .filter(each -> each.outcome() == Outcome.SURVIVED)
            .map(each -> each.client().getPort())
            .collect(Collectors.toSet());
    return forbidden.seen(closed, ending);
  }

  /** Closes every tap; safe to call twice. */
  void close() throws IOException, InterruptedException {
    IOException failure = null;
    for (Tap tap : taps) {
      try {
        tap.close();
      } catch (IOException e) {
        failure = e;
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
