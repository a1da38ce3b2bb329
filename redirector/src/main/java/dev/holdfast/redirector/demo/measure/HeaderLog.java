package dev.holdfast.redirector.demo.measure;

import dev.holdfast.tunnel.packet.IpAddress;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * TCP headers between one service address and its peers, in the order in which they were captured:
 * 33 bytes for each.
 *
 * <p>Thread-safe: a tap appends while others look.
 */
public final class HeaderLog {

  /**
   * A connection, seen from the peer.
   *
   * @param peerPort the peer's port
   * @param servicePort the service's
   */
  public record Connection(int peerPort, int servicePort) {}

  private final IpAddress service;
  private int size;
  private long[] times = new long[1 << 12];
  private int[] peerPorts = new int[1 << 12];
  private int[] servicePorts = new int[1 << 12];
  private int[] sequences = new int[1 << 12];
  private int[] acknowledgements = new int[1 << 12];
  private int[] payloads = new int[1 << 12];
  private byte[] flags = new byte[1 << 12];
  private boolean[] fromService = new boolean[1 << 12];

  /**
   * An empty log.
   *
   * @param service what has not this address as source or destination is not logged
   */
  public HeaderLog(IpAddress service) {
    this.service = service;
  }

  /** Appends what a tap saw at {@code epochNanos}. */
  public synchronized void add(long epochNanos, TcpHeader header) {
    boolean from = header.source().equals(service);
    if (!from && !header.destination().equals(service)) {
      return;
    }
    if (size == times.length) {
      grow();
    }
    times[size] = epochNanos;
    peerPorts[size] = from ? header.destinationPort() : header.sourcePort();
    servicePorts[size] = from ? header.sourcePort() : header.destinationPort();
    sequences[size] = header.sequence();
    acknowledgements[size] = header.acknowledgement();
    payloads[size] = header.payload();
    flags[size] = (byte) header.flags();
    fromService[size] = from;
    size++;
  }

  private void grow() {
    int length = times.length * 2;
    times = Arrays.copyOf(times, length);
    peerPorts = Arrays.copyOf(peerPorts, length);
    servicePorts = Arrays.copyOf(servicePorts, length);
    sequences = Arrays.copyOf(sequences, length);
    acknowledgements = Arrays.copyOf(acknowledgements, length);
    payloads = Arrays.copyOf(payloads, length);
    flags = Arrays.copyOf(flags, length);
    fromService = Arrays.copyOf(fromService, length);
  }

  public synchronized int size() {
    return size;
  }

  /** What has been seen so far of each connection, in the order of their first packets. */
  public synchronized Map<Connection, ConnectionTrace> traces() {
    Map<Connection, ConnectionTrace.Builder> builders = new LinkedHashMap<>();
    for (int i = 0; i < size; i++) {
      builders
          .computeIfAbsent(
              new Connection(peerPorts[i], servicePorts[i]), key -> new ConnectionTrace.Builder())
          .add(
              times[i],
              fromService[i],
              sequences[i],
              acknowledgements[i],
              payloads[i],
              flags[i] & 0xff);
    }
    Map<Connection, ConnectionTrace> traces = new LinkedHashMap<>();
    builders.forEach((connection, builder) -> traces.put(connection, builder.build()));
    return traces;
  }
}
