package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.observe.DropReason;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What lies between the re-enacted ends, the guests that move in it, and how its time passes. */
interface Sites extends Network, AutoCloseable {
  List<Machine> machines();

  /**
   * Lets everything happen up to the moment at which a packet of the capture is sent.
   *
   * @param number of the packet, from 1
   * @param captureNanos its time after the capture's first packet
   */
  void passToPacket(long number, long captureNanos);

  /** Lets everything happen up to a moment of the replay's own time. */
  void passTo(long nanos);

  /** A guest is paused now, or on its way. */
  boolean isMoving();

  /** How its packets are carried: tls, ipip or live. */
  String carriage();

  /** What was dropped, by reason and host; none that are 0. */
  Map<String, Map<DropReason, Long>> drops();

  long held();

  long staged();

  /** Packets that live went to guests, and came from them, through the tunnel. */
  long tunnelled(boolean toGuest);

  /** Lost by the network between the sites. */
  long lost();

  /** Null where time is virtual, and nothing is ever late. */
  @Nullable Lateness lateness();

  @Override
  void close();
}
