package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.packet.PacketView;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The connections of a replay that may still have packets. One that is over, or has been silent for
 * long, gives its verdict and is forgotten.
 */
final class Connections {
  private static final long LINGER_NANOS = 60_000_000_000L; // late packets of it may come
  private static final long DATAGRAMS_IDLE_NANOS = 600_000_000_000L;
  private static final int MOST = 65_536;

  /** Of the same addresses and ports, one after the other. */
  private static final int MOST_IN_TURN = 64;

  /** Whose opening nobody has answered: a flood of those may not push others out. */
  private static final int MOST_HALF_OPEN = 8_192;

  private final Results results;
  private final VirtualTime time;
  private final long stallNanos;
  private final Map<FlowId, TcpConnection> tcp = new HashMap<>();
  private final Map<FlowId, DatagramFlow> datagrams = new HashMap<>();
  private final ArrayDeque<Turn> turns = new ArrayDeque<>();

  /** Connections that nobody had answered when they were last looked at; they have no turn yet. */
  private final ArrayDeque<Turn> halfOpen = new ArrayDeque<>();

  private final FlowId key = new FlowId();
  private long givenUp;

  /** When a connection is looked at again. */
  private record Turn(FlowId id, Object flow, long at) {}

  Connections(Results results, VirtualTime time, long stallNanos) {
    this.results = results;
    this.time = time;
    this.stallNanos = stallNanos;
  }

  /** The newest of a captured packet's addresses and ports. */
  @Nullable TcpConnection tcp(PacketView view, boolean fromGuest) {
    key.set(view, fromGuest);
    return tcp.get(key);
  }

  /** The one that a packet on its way belongs to. */
  @Nullable TcpConnection played(PacketView view, boolean fromGuest) {
    TcpConnection newest = tcp(view, fromGuest);
    return newest == null ? null : newest.played();
  }

  @Nullable DatagramFlow datagrams(PacketView view, boolean fromGuest) {
    key.set(view, fromGuest);
    return datagrams.get(key);
  }

  /** Of this packet, which {@link #tcp} has looked for; another one with its name has ended. */
  void add(PacketView view, boolean fromGuest, TcpConnection connection) {
    key.set(view, fromGuest);
    FlowId id = key.copy();
    TcpConnection before = tcp.put(id, connection);
    if (before != null) {
      replaced(before, connection);
    }
    halfOpen.add(new Turn(id, connection, time.nanoTime() + LINGER_NANOS));
    if (halfOpen.size() > MOST_HALF_OPEN) {
      nextHalfOpen();
    }
    makeRoom();
  }

  private void replaced(TcpConnection before, TcpConnection by) {
    if (before.isDelivered() || before.isGivenUp() || !before.isBegun()) {
      judge(before);
    } else if (before.predecessors() >= MOST_IN_TURN) {
      before.leftOut("its addresses and ports were used again and again before it could end");
      judge(before);
    } else {
      by.follows(before);
    }
  }

  /** It gives its verdict, and whatever it still sends is of no use. */
  void judge(TcpConnection connection) {
    results.add(connection.result(stallNanos));
    connection.silence();
  }

  /** The oldest half-open one is judged, or gets its turns among the others. */
  private void nextHalfOpen() {
    Turn oldest = halfOpen.remove();
    if (!(oldest.flow instanceof TcpConnection connection) || tcp.get(oldest.id) != connection) {
      return;
    }
    if (connection.isBegun()) {
      turns.add(new Turn(oldest.id, connection, time.nanoTime() + LINGER_NANOS));
    } else {
      end(oldest.id, connection);
    }
  }

  void add(PacketView view, boolean fromGuest, DatagramFlow flow) {
    key.set(view, fromGuest);
    FlowId id = key.copy();
    datagrams.put(id, flow);
    turns.add(new Turn(id, flow, time.nanoTime() + LINGER_NANOS));
    makeRoom();
  }

  /** Looks at those whose turn it is; they come in turn, so this costs little. */
  void tidy() {
    long now = time.nanoTime();
    for (Turn turn = halfOpen.peek(); turn != null && turn.at <= now; turn = halfOpen.peek()) {
      nextHalfOpen();
    }
    for (Turn turn = turns.peek(); turn != null && turn.at <= now; turn = turns.peek()) {
      turns.remove();
      if (turn.flow instanceof TcpConnection connection) {
        if (tcp.get(turn.id) != connection) {
          continue;
        }
        if (connection.isOver() && now - connection.lastPacketAt() >= LINGER_NANOS) {
          end(turn.id, connection);
          continue;
        }
      } else if (turn.flow instanceof DatagramFlow flow
          && now - flow.lastPacketAt() >= DATAGRAMS_IDLE_NANOS) {
        datagrams.remove(turn.id);
        results.add(flow.result(now, stallNanos));
        continue;
      }
      turns.add(new Turn(turn.id, turn.flow, now + LINGER_NANOS));
    }
  }

  /** The oldest one gives its verdict now, whatever may come. */
  private void makeRoom() {
    while (tcp.size() + datagrams.size() > MOST) {
      if (turns.isEmpty()) {
        nextHalfOpen();
        continue;
      }
      Turn oldest = turns.remove();
      if (oldest.flow instanceof TcpConnection connection && tcp.get(oldest.id) == connection) {
        givenUp++;
        connection.leftOut("there were more than %,d connections at once".formatted(MOST));
        end(oldest.id, connection);
      } else if (oldest.flow instanceof DatagramFlow flow && datagrams.remove(oldest.id, flow)) {
        givenUp++;
        results.add(flow.result(time.nanoTime(), stallNanos));
      }
    }
  }

  private void end(FlowId id, TcpConnection connection) {
    tcp.remove(id);
    endWith(connection);
  }

  /** Those that wait for each other end together, as they began. */
  private void endWith(TcpConnection last) {
    for (TcpConnection each : last.chain()) {
      judge(each);
    }
  }

  /** The capture has ended. */
  void captureEnded() {
    inOrder().forEach(last -> last.chain().forEach(TcpConnection::captureEnded));
  }

  /** Those that have not delivered all that their scripts say. */
  List<TcpConnection> undelivered() {
    List<TcpConnection> left = inOrder();
    left.removeIf(connection -> connection.isDelivered() || connection.isGivenUp());
    return left;
  }

  /** What was read of the capture and not written yet; looks at every connection. */
  long unwritten() {
    long sum = 0;
    for (TcpConnection connection : tcp.values()) {
      sum += connection.unwritten();
    }
    return sum;
  }

  boolean areDatagramsDelivered() {
    return datagrams.values().stream().allMatch(DatagramFlow::isDelivered);
  }

  /** As they began: a map's own order is nobody's. */
  private List<TcpConnection> inOrder() {
    List<TcpConnection> all = new ArrayList<>(tcp.values());
    all.sort((a, b) -> Long.compare(a.firstPacket(), b.firstPacket()));
    return all;
  }

  /** All that is left gives its verdict. */
  void endAll() {
    inOrder().forEach(this::endWith);
    tcp.clear();
    List<DatagramFlow> flows = new ArrayList<>(datagrams.values());
    flows.sort((a, b) -> Long.compare(a.firstPacket(), b.firstPacket()));
    for (DatagramFlow flow : flows) {
      results.add(flow.result(time.nanoTime(), stallNanos));
    }
    datagrams.clear();
  }

  /** Connections that ended since there were too many at once. */
  long givenUp() {
    return givenUp;
  }
}
