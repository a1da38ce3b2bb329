package dev.holdfast.redirector.path;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * {@link TunnelErrors} of a host with one migration and one remote host, without a socket, for the
 * tables of the protocol edge. Time goes on only by {@link #later}.
 */
public final class HeardErrors {
  private static final String REMOTE = "there";

  private record Task(long dueNanos, Runnable run) {}

  private final TunnelErrorCounts counts = new TunnelErrorCounts();
  private final List<Task> tasks = new ArrayList<>();
  private final List<String> told = new ArrayList<>();
  private final IpAddress remote;
  private final TunnelErrors errors;
  private long now = 1_000_000;

  /**
   * @param proven bytes of the longest outer packet that has been proven to pass
   * @param olds the guest's old addresses; this host is the one that it has left
   */
  public HeardErrors(IpAddress local, IpAddress remote, int proven, List<IpAddress> olds) {
    this.remote = remote;
    counts.located(REMOTE, remote);
    errors =
        new TunnelErrors(
            new TunnelErrors.Tunnels() {
              @Override
              public IpAddress local() {
                return local;
              }

              @Override
              public int longest(IpAddress to) {
                return to.equals(remote) ? proven : 0;
              }

              @Override
              public boolean isGranted(IpAddress to, IpAddress source, IpAddress destination) {
                return to.equals(remote) && olds.contains(destination);
              }

              @Override
              public void limit(IpAddress to, int bytes) {} // asked for below

              @Override
              public void returned(IpAddress to, String why) {
                told.add(why);
              }

              @Override
              public void passAgain(IpAddress to) {
                told.add("pass again");
              }
            },
            counts,
            new Clock() {
              @Override
              public long nanoTime() {
                return now;
              }

              @Override
              public long epochNanos() {
                return now;
              }
            },
            (task, nanos) -> tasks.add(new Task(now + nanos, task)));
  }

  /** An ICMP error comes; {@code quoted} is as much of the packet as it has. */
  public void hear(byte[] quoted, int type, int code, int mtu) {
    ByteBuf bytes = Unpooled.wrappedBuffer(quoted);
    errors.onError(bytes, type, code, mtu, null);
  }

  /** A packet comes from the remote host. */
  public void packet() {
    errors.heard(remote);
  }

  /** Time passes, and what is due is done. */
  public void later(long nanos) {
    now += nanos;
    List<Task> due = tasks.stream().filter(task -> task.dueNanos() <= now).toList();
    tasks.removeAll(due);
    due.forEach(task -> task.run().run());
  }

  /** How each error was taken, by label: of this remote host, and of nobody. */
  public Map<String, Long> counted() {
    Map<String, Long> all = new TreeMap<>(counts.of(REMOTE));
    counts.ofNobody().forEach((label, count) -> all.merge(label, count, Long::sum));
    return all;
  }

  /** Outer packets may be this long; {@link Integer#MAX_VALUE} where nothing was learnt. */
  public int limit() {
    return errors.limit(remote);
  }

  /** What the operator was told. */
  public List<String> told() {
    return List.copyOf(told);
  }
}
