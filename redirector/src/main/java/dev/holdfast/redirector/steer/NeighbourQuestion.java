package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.packet.ArpMessage;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.NeighbourMessage;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Asks a LAN who has an address, and waits for every answer: a neighbour table has only the last.
 *
 * <p>For IPv4 as an ARP probe does, from nobody (RFC 5227 section 2.1.1), so that nobody's table is
 * changed by the question. For IPv6 from this host's own link-local address: a question from :: is
 * one of duplicate address detection, which an owner would have to defend itself against (RFC 4862
 * section 5.4.3).
 */
final class NeighbourQuestion {
  private static final int ROUNDS = 3;
  private static final long ROUND_NANOS = 100_000_000;
  private static final long AFTER_NANOS = 150_000_000;
  private static final int LONGEST_FRAME = 2048;
  private static final IpAddress NOBODY = IpAddress.v4(0);

  /** Is told of every answer, as soon as it comes. */
  @FunctionalInterface
  interface Listener {
    /**
     * @param router whether the neighbour says that it is one; IPv6 alone tells
     */
    void answered(IpAddress address, MacAddress mac, boolean router) throws IOException;
  }

  private final PacketSocket socket;
  private final @Nullable IpAddress own6;
  private final Clock clock;
  private final Listener listener;
  private final Map<IpAddress, Set<MacAddress>> answers = new LinkedHashMap<>();
  private final ByteBuf frame = Unpooled.directBuffer(LONGEST_FRAME, LONGEST_FRAME);
  private final ArpMessage arp = new ArpMessage();
  private final NeighbourMessage neighbour = new NeighbourMessage();

  private NeighbourQuestion(
      PacketSocket socket, @Nullable IpAddress own6, Clock clock, Listener listener) {
    this.socket = socket;
    this.own6 = own6;
    this.clock = clock;
    this.listener = listener;
  }

  /**
   * The MACs that answer for each address, none where nobody does. An address that cannot be asked
   * for (IPv6, without a link-local address on {@code device}) is not in the answer. Takes up to
   * half a second.
   *
   * @throws IOException when there is no such interface, or privilege is missing
   */
  static Map<IpAddress, Set<MacAddress>> ask(
      String device, @Nullable IpAddress own6, List<IpAddress> addresses, Clock clock)
      throws IOException {
    Map<IpAddress, Set<MacAddress>> answers = new LinkedHashMap<>();
    run(
        device,
        own6,
        clock,
        (address, mac, router) -> {},
        question -> {
          question.ask(addresses);
          answers.putAll(question.answers);
        });
    return answers;
  }

  /**
   * The same, for who is content with each neighbour's first answer: ends when all have answered,
   * or {@code nanos} are over.
   *
   * @throws IOException as above, and what {@code listener} throws
   */
  static void ask(
      String device,
      @Nullable IpAddress own6,
      List<IpAddress> addresses,
      Clock clock,
      long nanos,
      Listener listener)
      throws IOException {
    run(device, own6, clock, listener, question -> question.askOnce(addresses, nanos));
  }

  private interface Course {
    void run(NeighbourQuestion question) throws IOException;
  }

  private static void run(
      String device, @Nullable IpAddress own6, Clock clock, Listener listener, Course course)
      throws IOException {
    try (PacketSocket socket = PacketSocket.open(device, FrameFilter.ARP_AND_NEIGHBOR_DISCOVERY)) {
      socket.ignoreOutgoing();
      socket.joinAllMulticast();
      NeighbourQuestion question = new NeighbourQuestion(socket, own6, clock, listener);
      try {
        course.run(question);
      } finally {
        question.frame.release();
      }
    }
  }

  private List<IpAddress> askable(List<IpAddress> addresses) {
    List<IpAddress> asked = new ArrayList<>();
    for (IpAddress address : addresses) {
      if (address.isV4() || own6 != null) {
        asked.add(address);
        answers.put(address, new LinkedHashSet<>());
      }
    }
    return asked;
  }

  private void askOnce(List<IpAddress> addresses, long nanos) throws IOException {
    List<IpAddress> asked = askable(addresses);
    long end = clock.nanoTime() + nanos;
    while (isAnyoneSilent() && end - clock.nanoTime() > 0) {
      for (IpAddress address : asked) {
        if (answers.getOrDefault(address, Set.of()).isEmpty()) {
          send(address);
        }
      }
      listen(Math.min(ROUND_NANOS, end - clock.nanoTime()), true);
    }
  }

  private boolean isAnyoneSilent() {
    return answers.values().stream().anyMatch(Set::isEmpty);
  }

  private void ask(List<IpAddress> addresses) throws IOException {
    List<IpAddress> asked = askable(addresses);
    for (int round = 0; round < ROUNDS && !asked.isEmpty(); round++) {
      for (IpAddress address : asked) {
        send(address);
      }
      listen(ROUND_NANOS, false);
      if (!isAnyoneSilent()) {
        listen(AFTER_NANOS, false); // a second owner may be slower
        return;
      }
    }
  }

  private void send(IpAddress address) throws IOException {
    frame.clear();
    if (address.isV4()) {
      ArpMessage.writeRequest(frame, socket.macAddress(), NOBODY, address);
    } else if (own6 != null) {
      NeighbourMessage.writeSolicitation(frame, socket.macAddress(), own6, address);
    }
    boolean unused = socket.send(frame); // one that is lost is asked again
  }

  /**
   * @param onlyUntilAll ends as soon as everybody has answered
   */
  private void listen(long nanos, boolean onlyUntilAll) throws IOException {
    long end = clock.nanoTime() + nanos;
    try {
      while (clock.nanoTime() - end < 0) {
        int length = socket.receive(frame.clear());
        if (length == 0) {
          Thread.sleep(1);
        } else {
          note(length);
          if (onlyUntilAll && !isAnyoneSilent()) {
            return;
          }
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(
          "interrupted while waiting for answers on " + socket.interfaceName(), e);
    }
  }

  private void note(int length) throws IOException {
    if (arp.check(frame, 0, length)) {
      note(arp.senderAddress(), arp.senderMac(), false);
    } else if (neighbour.check(frame, 0, length) && neighbour.isAdvertisement()) {
      MacAddress given = neighbour.linkLayerAddress();
      MacAddress mac = given == null ? neighbour.frameSource() : given;
      note(neighbour.target(), mac, neighbour.isRouter());
    }
  }

  private void note(IpAddress address, MacAddress mac, boolean router) throws IOException {
    Set<MacAddress> macs = answers.get(address);
    if (macs != null && !mac.isGroup() && macs.add(mac)) {
      listener.answered(address, mac, router);
    }
  }
}
